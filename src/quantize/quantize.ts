import type { Feeds } from '../api/feeds.js'
import { InferenceSession } from '../api/session.js'
import { dtypeToOnnx } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import { nearNames } from '../core/near-names.js'
import { withNodes, type Graph, type Node, type Value } from '../ir/graph.js'
import { compressWeights } from '../nn/compress.js'
import { exportModel } from '../onnx/export-any.js'
import { calibrate, examplesOf, type Seen } from './calibrate.js'
import { activated, candidatesOf, type Candidate, type KeptNode } from './candidates.js'
import { quantizeDynamic } from './dynamic.js'
import { equalize } from './equalize.js'
import { groupsOf, hessiansOf } from './hessian.js'
import { differencesFrom, referencesOf, speedOf, type Difference, type References, type Speed } from './measure.js'
import { quantizeNBits } from './nbits.js'
import { isOp } from './nodes.js'
import { checkQuantizeOptions, type CheckedOptions, type Format, type QuantizeOptions } from './options.js'
import { prepare, type QuantizeSource } from './prepare.js'
import { quantizeStatic } from './static.js'
import { quantizeWeights } from './weights.js'

/** Examples by which the sensitivity of single nodes is measured. */
const SENSITIVITY_EXAMPLES = 4
/** Operator sets that are tried in turn: onnxruntime-web refuses QDQ of newer ones without `output_dtype`. */
const OPSETS = [17, 18, 19, 20]

/** A node on integers, or with shorter weights. */
export interface QuantizedNode {
  /** Its name in the model. */
  readonly node: string
  /** The operator that it was before. */
  readonly op: string
  /** How far the outputs of the model are from float32 when this node alone is quantised, if that was measured. */
  readonly sensitivity?: number
  /** How far its result is from float32 in the whole quantised model, if there are examples. */
  readonly difference?: Difference
}

/** What quantisation did and what it cost. */
export interface QuantizeReport {
  /** What the weights have become, and in the first two formats values as well. */
  readonly format: Format
  /** Bytes of the file with float32 weights, and of the quantised one. */
  readonly floatBytes: number
  /** Bytes of the quantised file. */
  readonly bytes: number
  /** The nodes on integers, or with shorter weights. */
  readonly quantized: readonly QuantizedNode[]
  /** Nodes with weights or products that compute in float32, and why. */
  readonly kept: readonly KeptNode[]
  /** Other operators that compute in float32, with how many nodes of each there are. */
  readonly others: Readonly<Record<string, number>>
  /** How far the outputs are from float32, if there are examples. */
  readonly outputs: readonly (Difference & { readonly name: string })[]
  /** What `evaluate` says of both. */
  readonly score?: { readonly float: number; readonly quantized: number }
  /** Times of both models, if they were measured. */
  readonly speed?: Speed
  /** How many examples were used. */
  readonly examples: number
}

/** A quantised model. */
export interface Quantized {
  /** The ONNX file. */
  readonly bytes: Uint8Array
  /** The same as a graph. */
  readonly graph: Graph
  /** What was done and what it cost. */
  readonly report: QuantizeReport
}

/**
 * A model with integers in the place of float32, as an ONNX file that other runtimes load as well.
 *
 * @param model - bytes, a path, a URL, or a graph; it is left as it is.
 * @throws LanewiseError `E_VALUE` for options that are not what they must be, without calibration data where they are
 *   needed, for values that are not finite; `E_UNSUPPORTED` if nothing of the model can be quantised; what a run throws
 *   for examples that do not fit the model.
 *
 * @example
 * import { GraphBuilder, Tensor } from 'lanewise'
 * import { quantize } from 'lanewise/quantize'
 *
 * const g = new GraphBuilder('dense')
 * const w = g.constant('w', new Tensor('float32', Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)), [16, 4]))
 * g.output(g.op('MatMul', [g.input('x', 'float32', ['N', 16]), w]), 'y')
 * const calibrate = [1, 2, 3].map((n) => ({ x: new Tensor('float32', new Float32Array(16).fill(n / 3), [1, 16]) }))
 * const { bytes, report } = await quantize(g, { int8: 'static', calibrate })
 * console.log(bytes.length, report.outputs[0].relative < 0.02, report.kept) // …, true, []
 */
export async function quantize(model: QuantizeSource, options: QuantizeOptions): Promise<Quantized> {
  const checked = checkQuantizeOptions(options)
  const { graph: plain, metadata } = await prepare(model)
  const { format } = checked
  const graph = format === 'int8 static' && checked.equalize ? equalize(plain) : plain
  const needed = format === 'int8 static' || (format === 'int4' && checked.rounding === 'gptq')
  const examples = needed || checked.calibrate !== undefined ? await examplesOf(checked.calibrate, checked.samples) : []
  if (checked.speed > 0 && examples.length === 0)
    throw new LanewiseError('E_VALUE', 'speed is measured on examples: the option calibrate')
  const floatBytes = exportModel(plain, { metadata })
  const float = await InferenceSession.create(floatBytes)
  try {
    const { candidates, refused } = fittingOf(graph, format)
    if (candidates.length === 0 && format.startsWith('int') && format !== 'int8 weights')
      throw new LanewiseError(
        'E_UNSUPPORTED',
        `nothing of the model can be quantised${refused.length > 0 ? `: ${refused.map(({ node, op, reason }) => `${op} "${node}": ${reason}`).join('; ')}` : ' as there are no convolutions or products with constant weights'}`,
      )
    const work = new Work(graph, candidates, examples, checked, metadata, float)
    const chosen = await work.choose()
    const made = await work.make(chosen.nodes, true)
    const bytes = work.bytes(made.graph)
    const session = await InferenceSession.create(bytes)
    try {
      const report = await work.report(chosen, made.nodes, session, [...refused, ...chosen.kept])
      const speed = checked.speed > 0 ? await speedOf(float, session, examples, checked.speed) : undefined
      return {
        bytes,
        graph: made.graph,
        report: { ...report, format, floatBytes: floatBytes.length, bytes: bytes.length, speed },
      }
    } finally {
      await session.release()
    }
  } finally {
    await float.release()
  }
}

/** The candidates that a format has operators for. */
function fittingOf(graph: Graph, format: Format): { candidates: Candidate[]; refused: KeptNode[] } {
  const { candidates, refused } = candidatesOf(graph)
  if (format === 'int8 weights' || format === 'float16') return { candidates, refused: [] }
  if (format !== 'int4') return { candidates, refused }
  return {
    candidates: candidates.filter(({ node }) => !isOp(node, 'Conv')),
    refused: [
      ...refused,
      ...candidates
        .filter(({ node }) => isOp(node, 'Conv'))
        .map(({ node }) => ({ node: node.name, op: node.op.name, reason: 'weights of 4 bits are for products' })),
    ],
  }
}

interface Chosen {
  readonly nodes: readonly Candidate[]
  readonly kept: readonly KeptNode[]
  readonly sensitivity: ReadonlyMap<Node, number>
}

/** One model being quantised. */
class Work {
  private seen: Promise<ReadonlyMap<Value, Seen>> | undefined
  private references: Promise<References> | undefined
  private floatScore: Promise<number> | undefined

  constructor(
    private readonly graph: Graph,
    private readonly candidates: readonly Candidate[],
    private readonly examples: readonly Feeds[],
    private readonly options: CheckedOptions,
    private readonly metadata: ReadonlyMap<string, string>,
    private readonly float: InferenceSession,
  ) {}

  /**
   * The graph with some candidates quantised. @param finely - with the rounding that was asked for: to find out how
   * sensitive a node is the nearest does.
   */
  async make(chosen: readonly Candidate[], finely: boolean): Promise<{ graph: Graph; nodes: ReadonlySet<Node> }> {
    const { graph, options } = this
    const { format, perChannel, reduceRange, method, percentile } = options
    const weights = { perChannel, most: reduceRange ? 63 : 127 }
    const nodes = new Set(chosen.map(({ node }) => node))
    switch (format) {
      case 'int8 static': {
        const seen = await (this.seen ??= this.observe())
        return quantizeStatic(graph, chosen, seen, {
          ...weights,
          activations: options.activations,
          biasCorrection: options.biasCorrection,
          rangeOf: (what) => what.range(method, percentile),
        })
      }
      case 'int8 dynamic':
        return { graph: quantizeDynamic(graph, chosen, weights), nodes }
      case 'int8 weights': {
        const kept = new Set(this.candidates.map(({ node }) => node).filter((node) => !nodes.has(node)))
        return { graph: quantizeWeights(graph, (node) => kept.has(node), weights), nodes }
      }
      case 'float16':
        return { graph: compressWeights(graph, 'float16'), nodes }
      case 'int4': {
        if (!finely || options.rounding === 'nearest') return { graph: quantizeNBits(graph, chosen, options), nodes }
        const columns = new Map(chosen.map(({ x, weights, axis }) => [x, weights.constant.shape[1 - axis]]))
        let result = graph
        for (const group of groupsOf(columns)) {
          const hessians = await hessiansOf(graph, group, this.examples)
          result = quantizeNBits(
            result,
            chosen.filter(({ x }) => group.has(x)),
            options,
            hessians,
          )
        }
        return { graph: result, nodes }
      }
    }
  }

  bytes(graph: Graph): Uint8Array {
    const { opset } = this.options
    const { metadata } = this
    if (opset !== undefined) return exportModel(opset > 20 ? withOutputTypes(graph) : graph, { opset, metadata })
    for (const set of OPSETS)
      try {
        return exportModel(graph, { opset: set, metadata })
      } catch (error) {
        if (!(error instanceof LanewiseError) || error.code !== 'E_UNSUPPORTED') throw error
      }
    return exportModel(withOutputTypes(graph), { metadata })
  }

  /** Which candidates are quantised, by `keep` and `maxLoss`. */
  async choose(): Promise<Chosen> {
    const { candidates } = this
    const { keep, maxLoss } = this.options
    const given = typeof keep === 'number' ? [] : keep
    const known = candidates.map(({ node }) => node.name)
    const stranger = given.find((name) => !known.includes(name))
    if (stranger !== undefined) {
      const near = nearNames(stranger, known)
      throw new LanewiseError(
        'E_VALUE',
        `keep names "${stranger}", which is no node that could be quantised${near.length > 0 ? `: near are ${near.map((one) => `"${one}"`).join(', ')}` : ''}`,
        { node: stranger },
      )
    }
    const asked = candidates.filter(({ node }) => given.includes(node.name))
    const rest = candidates.filter(({ node }) => !given.includes(node.name))
    const result = (back: readonly Candidate[], why: string, sensitivity: ReadonlyMap<Node, number>): Chosen => ({
      nodes: rest.filter((one) => !back.includes(one)),
      kept: [...asked.map((one) => keptBy(one, 'asked for')), ...back.map((one) => keptBy(one, why))],
      sensitivity,
    })
    const number = typeof keep === 'number' ? Math.min(keep, rest.length) : 0
    const fits = async (chosen: readonly Candidate[]) => maxLoss === undefined || (await this.loss(chosen)) <= maxLoss
    if (number === 0 && (await fits(rest))) return result([], '', new Map())
    const sensitivity = await this.sensitivities(rest)
    const order = rest.toSorted((a, b) => (sensitivity.get(b.node) ?? 0) - (sensitivity.get(a.node) ?? 0))
    const without = (count: number) => rest.filter((one) => !order.slice(0, count).includes(one))
    let count = number
    if (number === 0 || !(await fits(without(number)))) {
      // Doubled until the loss fits, then narrowed down.
      let [tooFew, enough] = [number, Math.max(1, 2 * number)]
      while (enough < rest.length && !(await fits(without(enough)))) [tooFew, enough] = [enough, 2 * enough]
      enough = Math.min(enough, rest.length)
      while (enough - tooFew > 1) {
        const middle = (tooFew + enough) >> 1
        if (await fits(without(middle))) enough = middle
        else tooFew = middle
      }
      count = enough
    }
    return result(order.slice(0, count), 'most sensitive', sensitivity)
  }

  async report(
    { nodes: chosen, sensitivity }: Chosen,
    made: ReadonlySet<Node>,
    session: InferenceSession,
    kept: readonly KeptNode[],
  ): Promise<Omit<QuantizeReport, 'format' | 'floatBytes' | 'bytes'>> {
    const { graph, examples, options } = this
    const results = new Map(chosen.map(({ node }) => [node, activated(graph, node).value?.name ?? '']))
    const outputs = this.float.outputNames
    const names = [...new Set([...outputs, ...results.values()])].filter((name) => name !== '')
    const few = examples.slice(0, SENSITIVITY_EXAMPLES)
    const all = await this.differences(session, examples, outputs)
    const inside =
      options.equalize || few.length === 0
        ? new Map<string, Difference>()
        : await differencesFrom(await referencesOf(this.float, few, names), session, few, names)
    const activations = new Set([...made].map((node) => activated(graph, node).by))
    const others: Record<string, number> = {}
    for (const node of graph.nodes) {
      const weighted = kept.some(({ node: name }) => name === node.name)
      if (made.has(node) || activations.has(node) || weighted) continue
      others[node.op.name] = (others[node.op.name] ?? 0) + 1
    }
    return {
      quantized: chosen.map(({ node }) => ({
        node: node.name,
        op: node.op.name,
        sensitivity: sensitivity.get(node),
        difference: inside.get(results.get(node) ?? ''),
      })),
      kept,
      others,
      outputs: [...all].map(([name, difference]) => ({ name, ...difference })),
      score: options.evaluate && {
        float: await this.scoreOfFloat(),
        quantized: await this.score(session),
      },
      examples: examples.length,
    }
  }

  /** What quantising some candidates costs. */
  private async loss(chosen: readonly Candidate[]): Promise<number> {
    if (chosen.length === 0) return 0
    const { evaluate } = this.options
    return this.with(chosen, async (session) => {
      if (evaluate) return (await this.scoreOfFloat()) - (await this.score(session))
      return worst(await this.differences(session, this.examples, this.float.outputNames))
    })
  }

  private async with<T>(chosen: readonly Candidate[], use: (session: InferenceSession) => Promise<T>): Promise<T> {
    const { graph } = await this.make(chosen, chosen.length > 1)
    const session = await InferenceSession.create(exportModel(graph))
    try {
      return await use(session)
    } finally {
      await session.release()
    }
  }

  private async sensitivities(candidates: readonly Candidate[]): Promise<Map<Node, number>> {
    const few = this.examples.slice(0, SENSITIVITY_EXAMPLES)
    const result = new Map<Node, number>()
    for (const candidate of candidates)
      result.set(
        candidate.node,
        await this.with([candidate], async (session) =>
          worst(await this.differences(session, few, this.float.outputNames)),
        ),
      )
    return result
  }

  private async differences(
    session: InferenceSession,
    examples: readonly Feeds[],
    names: readonly string[],
  ): Promise<Map<string, Difference>> {
    if (
      this.examples.length === 0 &&
      (this.options.keep !== 0 || this.options.maxLoss !== undefined) &&
      !Array.isArray(this.options.keep)
    )
      throw new LanewiseError('E_VALUE', 'which nodes are sensitive is measured on examples: the option calibrate')
    const references = await (this.references ??= referencesOf(this.float, this.examples, this.float.outputNames))
    return differencesFrom(references, session, examples, names)
  }

  private async score(session: InferenceSession): Promise<number> {
    const score = await this.options.evaluate?.(session)
    if (typeof score !== 'number' || !Number.isFinite(score))
      throw new LanewiseError('E_VALUE', `evaluate must return a finite number, got ${String(score)}`, {
        actual: String(score),
      })
    return score
  }

  private scoreOfFloat(): Promise<number> {
    return (this.floatScore ??= this.score(this.float))
  }

  private async observe(): Promise<ReadonlyMap<Value, Seen>> {
    const { graph, candidates, examples, options } = this
    const channels = new Map(options.biasCorrection ? candidates.map(({ x }) => [x, 1] as const) : [])
    const made = graph.nodes.flatMap((node) => node.outputs.filter((value) => value !== undefined))
    const values = [...new Set<Value>([...graph.inputs, ...made])].filter((value) => !value.constant)
    return calibrate(graph, values, examples, options.method !== 'minmax', channels)
  }
}

/** QuantizeLinear with the type of its result said, without which onnxruntime-web refuses newer operator sets. */
function withOutputTypes(graph: Graph): Graph {
  return withNodes(
    graph,
    graph.nodes.map((node) => {
      const zero = node.inputs[2]?.constant
      if (!isOp(node, 'QuantizeLinear') || !zero) return node
      return { ...node, attributes: { ...node.attributes, output_dtype: dtypeToOnnx(zero.dtype) } }
    }),
  )
}

function keptBy({ node }: Candidate, reason: string): KeptNode {
  return { node: node.name, op: node.op.name, reason }
}

function worst(differences: ReadonlyMap<string, Difference>): number {
  return Math.max(0, ...[...differences.values()].map(({ relative }) => relative))
}
