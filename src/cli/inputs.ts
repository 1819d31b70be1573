import { concreteShape } from '../inspect/model-report.js'
import { extname } from 'node:path'
import { isFloat, type DType } from '../core/dtype.js'
import { LanewiseError, present } from '../core/errors.js'
import { hostZeros, type HostTensor } from '../core/host.js'
import { decodeTensor } from '../onnx/tensor-proto.js'
import { readTensorProto } from '../onnx/wire.js'
import { numbersOf, numericTensor } from '../ops/shared/scalar-floats.js'
import type { InferenceSession } from '../api/session.js'
import { formatShape, sizeOf } from '../core/shape.js'
import { readBytes } from '../platform/node-files.js'
import { fromHost, type Tensor } from '../api/tensor.js'
import type { ValueMetadata } from '../api/value.js'
import { audioTensor } from './files/audio.js'
import { listFlag, numberFlag, UsageError, type Flag, type Flags } from './command.js'
import { imageTensor } from '../data/image-tensor.js'
import { imageOptions } from './files/image.js'
import { readNpy } from '../data/formats/npy.js'
import { readNpz } from '../data/formats/npz.js'
import { randomTensor, uniform } from '../api/random-tensor.js'

export const inputFlags: Readonly<Record<string, Flag>> = {
  input: {
    type: 'string',
    multiple: true,
    value: 'NAME=SOURCE',
    help: 'a picture, a .wav, .npy, .npz or .pb file, numbers ("1,2,3"), random, zeros or ones; NAME= may be left out if there is one input',
  },
  dim: {
    type: 'string',
    multiple: true,
    value: 'NAME=SIZE',
    help: 'the size of an axis that the model leaves open (default 1)',
  },
  seed: { type: 'string', value: 'N', help: 'for random inputs (default 0)' },
}

type TensorInput = Extract<ValueMetadata, { isTensor: true }>

/** Sizes for names of axes, from --dim. */
export function dimensionsFlag(flags: Flags): Map<string, number> {
  const sizes = new Map<string, number>()
  for (const text of listFlag(flags, 'dim')) {
    const at = text.lastIndexOf('=')
    const size = Number(text.slice(at + 1))
    if (at < 1 || text.length === at + 1 || !Number.isInteger(size) || size < 0)
      throw new UsageError(`--dim must look like batch=4, got "${text}"`)
    sizes.set(text.slice(0, at), size)
  }
  return sizes
}

/** @throws UsageError for a --dim that names no axis of any input. */
export function checkDimensions(session: InferenceSession, sizes: ReadonlyMap<string, number>): void {
  const known = new Set(
    session.inputMetadata.flatMap((input) =>
      input.isTensor ? input.shape.filter((axis) => typeof axis === 'string' && axis !== '') : [],
    ),
  )
  for (const name of sizes.keys()) {
    if (!known.has(name))
      throw new UsageError(`no input has an axis "${name}" (open axes: ${[...known].join(', ') || 'none'})`)
  }
}

/**
 * A tensor for every input of a model.
 *
 * @param fallback - what an input gets that no --input names; left out, that is an error.
 */
export async function makeFeeds(
  session: InferenceSession,
  flags: Flags,
  fallback?: 'random' | 'zeros',
): Promise<Record<string, Tensor>> {
  const sizes = dimensionsFlag(flags)
  checkDimensions(session, sizes)
  const random = uniform(numberFlag(flags, 'seed', { whole: true }) ?? 0)
  const feeds: Record<string, Tensor> = {}
  for (const [name, source] of await sourcesOf(session, listFlag(flags, 'input'))) {
    feeds[name] = fromHost(await tensorFrom(source, inputNamed(session, name), sizes, random, flags))
  }
  for (const input of session.inputMetadata) {
    if (Object.hasOwn(feeds, input.name)) continue
    if (!fallback) {
      throw new UsageError(
        `the input "${input.name}"${input.isTensor ? ` (${input.type}${formatShape(input.shape)})` : ''} is missing: --input ${input.name}=FILE, or =random`,
      )
    }
    feeds[input.name] = fromHost(await tensorFrom(fallback, inputNamed(session, input.name), sizes, random, flags))
  }
  return feeds
}

function inputNamed(session: InferenceSession, name: string): TensorInput {
  const input = session.inputMetadata.find((candidate) => candidate.name === name)
  if (!input)
    throw new UsageError(`the model has no input "${name}" (inputs: ${session.inputNames.join(', ') || 'none'})`)
  if (!input.isTensor)
    throw new LanewiseError(
      'E_UNSUPPORTED',
      `the input "${name}" is no tensor; the command line can only give tensors`,
      { tensor: name },
    )
  return input
}

type Source = string | HostTensor

/** What each input is to be made from: an .npz file without a name serves every input that it has an array for. */
async function sourcesOf(session: InferenceSession, given: readonly string[]): Promise<Map<string, Source>> {
  const sources = new Map<string, Source>()
  for (const text of given) {
    const name =
      session.inputNames.find((candidate) => text.startsWith(`${candidate}=`)) ?? /^([^=./\\]+)=/.exec(text)?.[1]
    if (name !== undefined) {
      sources.set(name, text.slice(name.length + 1))
    } else if (extname(text) === '.npz') {
      const arrays = readNpz(await readBytes(text), text)
      const fitting = session.inputNames.filter((input) => arrays.has(input))
      if (fitting.length === 0)
        throw new UsageError(
          `${text} has no array named like an input (arrays: ${[...arrays.keys()].join(', ')}; inputs: ${session.inputNames.join(', ')})`,
        )
      for (const input of fitting) sources.set(input, present(arrays.get(input), input)())
    } else if (isWord(text)) {
      for (const input of session.inputNames) if (!sources.has(input)) sources.set(input, text)
    } else if (session.inputNames.length === 1) {
      sources.set(session.inputNames[0], text)
    } else {
      throw new UsageError(
        `--input ${text} must say which input it is for: ${session.inputNames.map((input) => `${input}=…`).join(', ')}`,
      )
    }
  }
  return sources
}

function isWord(source: string): source is 'random' | 'zeros' | 'ones' {
  return source === 'random' || source === 'zeros' || source === 'ones'
}

async function tensorFrom(
  source: Source,
  input: TensorInput,
  sizes: ReadonlyMap<string, number>,
  random: () => number,
  flags: Flags,
): Promise<HostTensor> {
  if (typeof source !== 'string') return converted(source, input.type, input.name)
  const { name, type, shape } = input
  const concrete = concreteShape(shape, sizes)
  if (source === 'random') return randomTensor(type, concrete, random)
  if (source === 'zeros') return hostZeros(type, concrete)
  if (source === 'ones') return numericTensor(type, concrete, new Float32Array(sizeOf(concrete)).fill(1))
  if (
    /^[-+.\d]/.test(source) &&
    source.split(',').every((part) => part.trim() !== '' && Number.isFinite(Number(part)))
  ) {
    const values = source.split(',').map(Number)
    const over = type === 'float32' && values.find((value) => !Number.isFinite(Math.fround(value)))
    if (over) throw new UsageError(`--input ${name}: ${over} is beyond float32`)
    // The shape the model declares, if the numbers fill it; else a list.
    return numericTensor(type, sizeOf(concrete) === values.length ? concrete : [values.length], values)
  }
  const [, file, array] = /^(.*\.npz)(?::(.+))?$/i.exec(source) ?? [undefined, source, undefined]
  const extension = extname(file).toLowerCase()
  if (extension === '.npz') {
    const arrays = readNpz(await readBytes(file), file)
    const found =
      arrays.get(array ?? name) ?? (array === undefined && arrays.size === 1 ? [...arrays.values()][0] : undefined)
    if (!found)
      throw new UsageError(
        `${file} has no array "${array ?? name}" (arrays: ${[...arrays.keys()].join(', ')}): ${name}=${file}:ARRAY`,
      )
    return converted(found(), type, name)
  }
  if (extension === '.npy') return converted(readNpy(await readBytes(file), file), type, name)
  if (extension === '.pb') return converted(decodeTensor(readTensorProto(await readBytes(file))), type, name)
  if (/^\.(png|jpe?g|webp|gif|avif|tiff?|svg)$/.test(extension)) {
    const declared = shape.map((axis) => (typeof axis === 'string' ? (sizes.get(axis) ?? axis) : axis))
    return imageTensor(file, name, type, declared, imageOptions(flags))
  }
  if (extension === '.wav' || extension === '.wave') {
    const declared = shape.map((axis) => (typeof axis === 'string' ? (sizes.get(axis) ?? axis) : axis))
    return audioTensor(file, name, type, declared, flags)
  }
  throw new UsageError(
    `--input ${name}=${source} is neither a picture nor .wav, .npy, .npz, .pb, numbers, random, zeros or ones`,
  )
}

/**
 * NumPy makes float64 and int64 where nobody asks for less: numbers are converted to what the model wants, unless a
 * fraction would be lost.
 */
function converted(tensor: HostTensor, dtype: DType, name: string): HostTensor {
  if (tensor.dtype === dtype) return tensor
  const text = tensor.dtype === 'string' || dtype === 'string'
  if (text || tensor.dtype.startsWith('complex') || (isFloat(tensor.dtype) && !isFloat(dtype))) {
    throw new LanewiseError('E_TENSOR', `the input "${name}" must be ${dtype}, the file holds ${tensor.dtype}`, {
      tensor: name,
      expected: dtype,
      actual: tensor.dtype,
    })
  }
  return numericTensor(dtype, tensor.shape, numbersOf(tensor))
}
