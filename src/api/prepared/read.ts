// Reads what write.ts has written: the graph at once, the weights when a plan wants them.
import type { Context } from '../../../bindings/context.js'
import { chooseBuild, type Build } from '../../../bindings/module.js'
import { checksum } from '../../core/checksum.js'
import { byteSize, isDType, viewData, type DType, type TypedArray } from '../../core/dtype.js'
import { VERSION } from '../../core/env.js'
import { LanewiseError } from '../../core/errors.js'
import { lazyTensor, rawBytes, type HostTensor } from '../../core/host.js'
import { sizeOf, type Shape } from '../../core/shape.js'
import { waitFor, type Steps } from '../../core/steps.js'
import type { OpDefinition } from '../../ir/op.js'
import { findOp } from '../../ir/registry.js'
import type { ImportedModel } from '../../onnx/import.js'
import type { ConstantBytes, PreparedForms } from '../../plan/weights.js'
import { platform, type PreparedSource } from '../../platform/platform.js'
import type { PassOptions } from '../../passes/optimize.js'
import type { Prepared } from '../load/prepared.js'
import { RARE } from '../load/rare-ops.js'
import type { SessionOptions } from '../session-options.js'
import type { ValueMetadata } from '../value.js'
import { damaged, dataStart, readBeginning, sourceOfBytes, type BlockPlace } from './format.js'
import { GraphReader, type Operators, listOf, numberOf, recordOf, shapeOf, textOf } from './read-graph.js'
import { kernelsId } from './kernels-id.js'

/** What of a session's options decides what is written. */
export interface PreparedFor {
  readonly accuracy: 'fast' | 'exact'
  readonly perExample: boolean
  readonly passes: PassOptions
}

/** The options that decide what a prepared model holds, of those of a session. */
export function preparedFor({
  accuracy = 'fast',
  deterministic,
  graphOptimizationLevel,
  passes = true,
}: SessionOptions): PreparedFor {
  return { accuracy, perExample: deterministic === 'batch', passes: graphOptimizationLevel !== 'disabled' && passes }
}

/**
 * Opens a prepared model.
 *
 * @param limit - the most bytes that it may have.
 * @throws LanewiseError `E_PARSE` if it is damaged, `E_UNSUPPORTED` if another version has written it, `E_EXTERNAL` if
 *   it cannot be read, `E_BUDGET` over the limit.
 */
export function openPrepared(given: Uint8Array | PreparedSource, limit = Infinity): PreparedModel {
  const source = given instanceof Uint8Array ? sourceOfBytes(given) : given
  if (source.size > limit)
    throw new LanewiseError(
      'E_BUDGET',
      `the prepared model has ${source.size} bytes, more than the limit of ${limit}`,
      {
        expected: `<= ${limit}`,
        actual: String(source.size),
      },
    )
  return new PreparedModel(source)
}

/** A prepared model whose header has been read. */
class PreparedModel {
  private readonly variants: ReadonlyMap<Build, Readonly<Record<string, unknown>>>
  private readonly kernels: string
  private readonly data: number
  private readonly head: Uint8Array

  constructor(private readonly source: PreparedSource) {
    const { header, head } = readBeginning(source)
    const { version, kernels, variants } = recordOf(header, 'the header')
    if (version !== VERSION)
      throw new LanewiseError(
        'E_UNSUPPORTED',
        `the model was prepared by version ${String(version)}, this is ${VERSION}; prepare it again`,
        { expected: VERSION, actual: String(version) },
      )
    this.kernels = textOf(kernels, 'what the kernels are')
    this.variants = new Map(
      listOf(variants, 'the builds').map((one) => {
        const variant = recordOf(one, 'a build')
        return [textOf(variant.build, 'the name of a build') as Build, variant]
      }),
    )
    this.head = head
    this.data = dataStart(new DataView(head.buffer).getUint32(12, true))
  }

  /**
   * The build of the kernels that is to run it.
   *
   * @throws LanewiseError `E_VALUE` if it was prepared for another one, or for other options.
   */
  buildFor(options: SessionOptions): Build {
    const { build = 'auto', deterministic = false } = options
    const best = chooseBuild(build, deterministic !== false)
    const free = build === 'auto' && deterministic === false
    const chosen = this.variants.has(best) || !free ? best : 'simd'
    const variant = this.variants.get(chosen)
    const there = [...this.variants.keys()].join(', ')
    if (!variant)
      throw new LanewiseError('E_VALUE', `the model was prepared for other kernels (${there}), not for ${chosen}`, {
        expected: chosen,
        actual: there,
      })
    if (!/boolean|object/.test(typeof variant.passes)) damaged('it does not say which passes have run')
    const wanted = preparedFor(options)
    for (const key of ['accuracy', 'perExample', 'passes'] as const) {
      const [expected, actual] = [wanted[key], variant[key]].map((one) => JSON.stringify(one))
      const name = key === 'perExample' ? 'deterministic' : key
      // What is not said of passes follows the file.
      if (expected === actual || (key === 'passes' && options.passes === undefined && wanted.passes === true)) continue
      throw new LanewiseError('E_VALUE', `the model was prepared with another value of the option ${name}`, {
        expected,
        actual,
      })
    }
    return chosen
  }

  /** Bytes of all constants as the model had them. */
  constantBytes(build: Build): number {
    return this.constants(build).all
  }

  /**
   * The graph, and the weights as they are packed.
   *
   * @throws LanewiseError `E_PARSE` for what is damaged, `E_UNSUPPORTED` for other kernels and for operators that are
   *   not known.
   */
  *load(context: Context): Steps<{ imported: ImportedModel; prepared: Prepared }> {
    const variant = this.variant(context.build)
    const id = kernelsId(context.module)
    if (id !== this.kernels)
      throw new LanewiseError(
        'E_UNSUPPORTED',
        'the model was prepared for kernels of another version; prepare it again',
        {
          expected: this.kernels,
          actual: String(id),
        },
      )
    const operators = yield* loadOperators(variant.operators)
    const blocks = new Blocks(this.source, this.head, this.data, context)
    const tensors = listOf(variant.tensors, 'the tensors').map((tensor, i) => readTensor(tensor, i, blocks))
    const graph = new GraphReader(variant.values, tensors, operators).graph(variant.graph)
    const forms = readForms(variant.forms, tensors, blocks)
    const pairs = listOf(variant.metadata, 'the metadata').map((pair) => {
      const [key, value] = listOf(pair, 'the metadata')
      return [textOf(key, 'a key'), textOf(value, 'a value')] as const
    })
    const outputs = listOf(variant.outputs, 'the outputs').map(readMetadata)
    if (outputs.length !== graph.outputs.length) damaged('it says nothing of some outputs')
    const metadata = new Map(pairs)
    return {
      imported: { graph, opsets: new Map(), metadata, producer: '' },
      prepared: { constants: this.constants(context.build), forms, outputs },
    }
  }

  private variant(build: Build): Readonly<Record<string, unknown>> {
    return this.variants.get(build) ?? damaged(`it holds nothing for ${build}`)
  }

  private constants(build: Build): ConstantBytes {
    const { all, filters } = recordOf(this.variant(build).constants, 'the bytes of constants')
    const bytes = (value: unknown) => numberOf(value, 'the bytes of constants', 0, Number.MAX_SAFE_INTEGER)
    return { all: bytes(all), filters: bytes(filters) }
  }
}

/** The data of a file, each block checked when it is read. */
class Blocks {
  constructor(
    private readonly source: PreparedSource,
    private readonly head: Uint8Array,
    private readonly data: number,
    private readonly context: Context,
  ) {}

  place(written: unknown, what: string): BlockPlace {
    const { at, bytes, sum } = recordOf(written, `the place of ${what}`)
    const most = this.source.size - this.data
    const length = numberOf(bytes, `the bytes of ${what}`, 0, most)
    return {
      at: this.data + numberOf(at, `the place of ${what}`, 0, most - length),
      bytes: length,
      sum: numberOf(sum, `the checksum of ${what}`, -(2 ** 31), 2 ** 31 - 1),
    }
  }

  /** Fills bytes with a block of as many. @throws LanewiseError `E_PARSE` if they are not what was written. */
  read({ at, bytes, sum }: BlockPlace, into: Uint8Array): void {
    if (into.length !== bytes) damaged(`a block has ${bytes} bytes where ${into.length} are needed`)
    if (at + bytes <= this.head.length) into.set(this.head.subarray(at, at + bytes))
    else this.source.read(at, into)
    const { memory, kernels } = this.context
    const inMemory = (from: number, to: number) => kernels.checksum((into.byteOffset + from) as never, to - from)
    const found = checksum(into, into.buffer === memory.buffer ? inMemory : undefined)
    if (found !== sum) damaged('its weights are damaged')
  }

  /** Whether a block has been read with the header. */
  isHere({ at, bytes }: BlockPlace): boolean {
    return at + bytes <= this.head.length
  }
}

/** Type and shape, and the place of the elements, if they are there; strings are there themselves. */
function readTensor(written: unknown, number: number, blocks: Blocks): HostTensor {
  const what = `tensor ${number}`
  const [type, sizes, place] = listOf(written, what)
  const dtype = textOf(type, `the type of ${what}`)
  if (!isDType(dtype)) return damaged(`there is no type ${JSON.stringify(dtype)}`)
  const shape = shapeOf(sizes, what)
  const size = sizeOf(shape)
  if (dtype === 'string') {
    const data = listOf(place, what).map((text) => textOf(text, `an element of ${what}`))
    if (data.length !== size) damaged(`${what} has ${data.length} of ${size} elements`)
    return { dtype, shape, data }
  }
  if (place === undefined) return withoutElements(dtype, shape)
  const block = blocks.place(place, what)
  if (block.bytes !== size * byteSize(dtype))
    damaged(`${what} has ${block.bytes} bytes, which is not what its shape takes`)
  const write = (into: TypedArray) => {
    blocks.read(block, rawBytes(into))
    if (dtype === 'bool' && (into as Uint8Array).some((byte) => byte > 1)) damaged(`${what} holds no truth values`)
  }
  if (!blocks.isHere(block)) return lazyTensor(dtype, shape, write)
  const data = viewData(dtype, new ArrayBuffer(block.bytes), 0, size)
  write(data)
  return { dtype, shape, data }
}

/** A constant of which only packed forms were kept. */
function withoutElements(dtype: DType, shape: Shape): HostTensor {
  return lazyTensor(dtype, shape, () => {
    throw new LanewiseError(
      'E_STATE',
      'the prepared model holds its weights only as they are packed for the sizes, the options and the processor that it was prepared for: prepare it for these, or take the model itself',
    )
  })
}

function readForms(written: unknown, tensors: readonly HostTensor[], blocks: Blocks): PreparedForms {
  const forms = new Map<HostTensor, Map<string, BlockPlace>>()
  for (const form of listOf(written, 'the packed weights')) {
    const [number, key, place] = listOf(form, 'a packed weight')
    const tensor = tensors[numberOf(number, 'a tensor', 0, tensors.length - 1)]
    const known = forms.get(tensor) ?? new Map<string, BlockPlace>()
    forms.set(tensor, known.set(textOf(key, 'the name of a form'), blocks.place(place, 'a packed weight')))
  }
  return (tensor, key) => {
    const place = forms.get(tensor)?.get(key)
    return place && ((into) => blocks.read(place, into))
  }
}

function readMetadata(written: unknown): ValueMetadata {
  const { name, isTensor, type, shape } = recordOf(written, 'an output')
  const common = { name: textOf(name, 'the name of an output') }
  if (isTensor !== true) return { ...common, isTensor: false }
  if (!isDType(textOf(type, 'the type of an output'))) damaged(`there is no type ${JSON.stringify(type)}`)
  const sizes = listOf(shape, 'the shape of an output').map((size) =>
    typeof size === 'string' ? size : numberOf(size, 'the size of an output', 0, Number.MAX_SAFE_INTEGER),
  )
  return { ...common, isTensor: true, type: type as 'float32', shape: sizes }
}

/** Makes the operators known that the model has, and the passes that its source was rewritten by. */
function* loadOperators(which: unknown): Steps<Operators> {
  if (which !== 'common' && which !== 'frequent' && which !== 'all') damaged('it does not say which operators it has')
  if (which === 'common') return { find: findOp, hint: '' }
  const { moreOps, allOpsNow } = platform()
  let internal: readonly OpDefinition[] = []
  const load = async () => {
    await moreOps?.(() => which === 'all')
    if (which === 'all') internal = (await import('./internal-ops.js')).internalOps as readonly OpDefinition[]
  }
  yield* waitFor('', load, () => allOpsNow?.())
  const find = (domain: string, name: string) =>
    findOp(domain, name) ?? internal.find((op) => op.domain === domain && op.name === name)
  return { find, hint: moreOps ? '' : RARE }
}
