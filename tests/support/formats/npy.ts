import { byteSize, viewData, type NumericDType } from '../../../src/core/dtype.js'
import { hostTensor, type HostTensor } from '../../../src/core/host.js'
import { sizeOf, stridesOf } from '../../../src/core/shape.js'

const dtypes = new Map<string, NumericDType>([
  ['b1', 'bool'],
  ['i1', 'int8'],
  ['i2', 'int16'],
  ['i4', 'int32'],
  ['i8', 'int64'],
  ['u1', 'uint8'],
  ['u2', 'uint16'],
  ['u4', 'uint32'],
  ['u8', 'uint64'],
  ['f2', 'float16'],
  ['f4', 'float32'],
  ['f8', 'float64'],
  ['c8', 'complex64'],
  ['c16', 'complex128'],
])

/**
 * A NumPy array file, format 1 to 3 (NEP 1 and numpy.lib.format). Strings (U, S) become string tensors; object arrays
 * are refused.
 */
export function readNpy(file: Uint8Array): HostTensor {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  if (String.fromCharCode(...file.subarray(0, 6)) !== '\x93NUMPY') throw new Error('not a .npy file')
  const wide = file[6] > 1
  const start = (wide ? 12 : 10) + (wide ? view.getUint32(8, true) : view.getUint16(8, true))
  const header = new TextDecoder(file[6] > 2 ? 'utf-8' : 'latin1').decode(file.subarray(wide ? 12 : 10, start))
  const [, descr] = /'descr': '([^']+)'/.exec(header) ?? []
  const [, dims] = /'shape': \(([^)]*)\)/.exec(header) ?? []
  if (descr === undefined || dims === undefined) throw new Error(`.npy header not understood: ${header}`)
  const shape = dims
    .split(',')
    .map((dim) => dim.trim())
    .filter((dim) => dim !== '')
    .map(Number)
  const fortran = header.includes("'fortran_order': True")
  const size = sizeOf(shape)

  const order = descr[0]
  const kind = descr.slice(1)
  const stringMatch = /^([US])(\d+)$/.exec(kind)
  if (stringMatch !== null) {
    const units = Number(stringMatch[2])
    const unitBytes = stringMatch[1] === 'U' ? 4 : 1
    const items = Array.from({ length: size }, (_, i) => {
      let text = ''
      for (let j = 0; j < units; j++) {
        const at = start + (i * units + j) * unitBytes
        text += String.fromCodePoint(unitBytes === 1 ? view.getUint8(at) : view.getUint32(at, order !== '>'))
      }
      return text.replace(/\0+$/, '')
    })
    return hostTensor('string', shape, fortran ? reorder(shape, (from) => items[from]) : items)
  }

  const dtype = dtypes.get(kind)
  if (dtype === undefined) throw new Error(`.npy arrays of ${descr} are not read`)
  const bytes = byteSize(dtype)
  const raw = new Uint8Array(file.subarray(start, start + size * bytes))
  if (raw.length !== size * bytes) throw new Error('.npy file is truncated')
  if (order === '>') {
    const word = kind.startsWith('c') ? bytes / 2 : bytes
    for (let at = 0; at < raw.length; at += word) raw.subarray(at, at + word).reverse()
  }
  let ordered = raw
  if (fortran) {
    ordered = new Uint8Array(raw.length)
    reorder(shape, (from, to) => ordered.set(raw.subarray(from * bytes, (from + 1) * bytes), to * bytes))
  }
  return hostTensor(dtype, shape, viewData(dtype, ordered.buffer, 0, size))
}

/** Visits the elements in row-major order and says where a column-major file has each. */
function reorder<T>(shape: readonly number[], visit: (from: number, to: number) => T): T[] {
  const strides = stridesOf(shape)
  const fileStrides = stridesOf([...shape].reverse()).reverse()
  return Array.from({ length: sizeOf(shape) }, (_, to) => {
    let from = 0
    for (let axis = 0; axis < shape.length; axis++)
      from += (Math.floor(to / strides[axis]) % shape[axis]) * fileStrides[axis]
    return visit(from, to)
  })
}
