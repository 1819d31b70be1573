import { exportModel, InferenceSession, loadGraph, type Tensor } from '../../src/node.js'
import type { ModelGraph } from '../../src/api/graph/model-graph.js'
import type { Value } from '../../src/ir/graph.js'
import { BatchNorm2d, Conv2d, LanewiseError, Tensor as Constant, type Module } from '../../src/train.js'
import { channelsOf, MobileNetV2, type MobileNetV2Options } from './network.js'

/**
 * MobileNetV2 with the weights of an ONNX file:
 * - by name where the file has torchvision's names (an export in training mode, with batch normalisation as it is);
 * - else by place and shape: convolutions in their order, with what batch normalisation was folded into them. Weights
 *   that are kept as integers (DequantizeLinear, as in QDQ files) are dequantised.
 *
 * Width, activation, padding and the number of classes are those of the file. A file without an end (features alone)
 * leaves the classifier as it begins.
 *
 * @throws LanewiseError `E_VALUE` for a file whose layers are not those of MobileNetV2, naming the first that is not.
 */
export async function loadMobileNetV2(file: string | Uint8Array): Promise<MobileNetV2> {
  const graph = await loadGraph(file)
  const convs = graph.nodes.filter(({ op }) => op.name === 'Conv')
  const end = graph.nodes.findLast(({ op }) => op.name === 'Gemm' || op.name === 'MatMul')
  const wanted = [...convs, ...(end ? [end] : [])].flatMap(({ inputs }) =>
    inputs.slice(1).filter((value): value is Value => value !== undefined),
  )
  const weights = await computed(graph, wanted)
  const of = (value: Value | undefined) => (value ? weights.get(value) : undefined)
  if (convs.length === 0) throw new LanewiseError('E_VALUE', 'the file has no convolutions: it is no MobileNetV2')
  const classes = end ? of(end.inputs[1])?.dims : undefined
  const turned = end?.op.name === 'Gemm' && Number(end.attributes.transB) === 1
  const options: MobileNetV2Options = {
    width: widthOf(convs.map(({ inputs }) => of(inputs[1])?.dims[0] ?? 0)),
    classes: classes ? classes[turned ? 0 : 1] : undefined,
    activation: graph.nodes.some(({ op }) => op.name === 'Clip') ? 'relu6' : 'relu',
    // At the end alone, by the convolution itself or by a Pad before it.
    padding: String(convs[0].attributes.pads) === '1,1,1,1' ? 'both' : 'end',
  }
  const model = new MobileNetV2(options)
  const names = model.stateDict()
  const named = new Map(
    [...graph.values].flatMap((value) => (value.constant ? [[value.name, value.constant] as const] : [])),
  )
  if ([...names.keys()].every((name) => named.has(name))) {
    model.loadStateDict(new Map([...names.keys()].map((name) => [name, named.get(name) as never])))
    return model
  }
  const layers = layersOf(model)
  const state = new Map<string, Tensor>(names)
  for (const [i, { name, norm }] of layers.entries()) {
    const [, weight, bias] = convs[i].inputs
    const [kernel, added] = [of(weight), of(bias)]
    const expected = names.get(`${name}.weight`)
    if (!kernel || kernel.dims.join() !== expected?.dims.join())
      throw new LanewiseError(
        'E_VALUE',
        `convolution ${i} ("${convs[i].name}") is [${kernel?.dims.join(', ')}], "${name}" of MobileNetV2 is [${expected?.dims.join(', ')}]`,
        { node: convs[i].name, tensor: weight?.name },
      )
    state.set(`${name}.weight`, kernel)
    // Nothing is normalised any more; the variance leaves room for ε.
    const channels = kernel.dims[0]
    const filled = (value: number) => new Constant('float32', new Float32Array(channels).fill(value), [channels])
    state.set(`${norm}.weight`, filled(1))
    state.set(`${norm}.bias`, added ?? filled(0))
    state.set(`${norm}.running_mean`, filled(0))
    state.set(`${norm}.running_var`, filled(1 - 1e-5))
  }
  const [matrix, offset] = end ? [of(end.inputs[1]), of(end.inputs[2])] : []
  if (matrix) {
    state.set('classifier.1.weight', turned ? matrix : transposed(matrix))
    if (offset) state.set('classifier.1.bias', offset)
  }
  model.loadStateDict(state)
  return model
}

/** Values that follow from constants alone, computed: dequantised, cast, passed on. */
async function computed(graph: ModelGraph, values: readonly Value[]): Promise<Map<Value, Tensor>> {
  const found = new Map<Value, Tensor>()
  const open: Value[] = []
  for (const value of values) {
    const { constant } = value
    if (!constant) open.push(value)
    else if (constant.dtype === 'float32')
      found.set(value, new Constant('float32', constant.data as Float32Array, constant.shape))
  }
  if (open.length === 0) return found
  const session = await InferenceSession.create(exportModel(graph.extract(open)))
  if (session.inputNames.length > 0)
    throw new LanewiseError('E_VALUE', `weights of the file are computed from its input: "${open[0].name}" for one`)
  const results = await session.run({})
  for (const value of open) found.set(value, results[value.name])
  await session.release()
  return found
}

/**
 * Convolutions of a module with the normalisation behind each, by their names, in the order in which they are applied.
 */
function layersOf(model: Module): { name: string; norm: string }[] {
  const found: { name: string; norm: string }[] = []
  for (const [name, module] of model.namedModules()) {
    if (module instanceof Conv2d) found.push({ name, norm: '' })
    else if (module instanceof BatchNorm2d) found[found.length - 1].norm = name
  }
  return found
}

/** The multiplier by which the channels of the file are made. @throws LanewiseError `E_VALUE` if none makes them. */
function widthOf(channels: readonly number[]): number {
  for (let hundredths = 5; hundredths <= 300; hundredths++)
    if (channelsOf(hundredths / 100).join() === channels.join()) return hundredths / 100
  throw new LanewiseError(
    'E_VALUE',
    `${channels.length} convolutions of ${channels.slice(0, 4).join(', ')} … channels are not those of MobileNetV2 at any width`,
  )
}

/** [in, out] as [out, in]. */
function transposed(matrix: Tensor): Tensor {
  const [rows, columns] = matrix.dims
  const data = matrix.data as Float32Array
  const out = new Float32Array(data.length)
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = data[r * columns + c]
  return new Constant('float32', out, [columns, rows])
}
