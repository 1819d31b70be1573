import { LanewiseError } from '../core/errors.js'
import { isHostTensor, type HostTensor, type HostValue } from '../core/host.js'
import { tagOf } from '../core/realm.js'
import { sizeOf } from '../core/shape.js'

/**
 * A user's value when its run begins. Until then, in a queue, its buffers are the caller's: they may have been detached, resized or, if they are shared
 * with other threads, may be written to even now. What could change is copied, so that whatever is checked is what is used.
 *
 * @throws LanewiseError `E_TENSOR` if its elements are no longer there, or are no strings where strings belong.
 */
export function settle(name: string, value: HostValue): HostValue {
  if (isHostTensor(value)) return settleTensor(name, value)
  if (value.kind === 'sequence') return { ...value, items: value.items.map((item, i) => settle(`${name}[${i}]`, item)) }
  if (value.kind === 'optional')
    return value.value ? { ...value, value: settle(name, value.value) as HostTensor } : value
  return { ...value, entries: new Map(value.entries) }
}

function settleTensor(name: string, tensor: HostTensor): HostTensor {
  checkElements(name, tensor)
  const { dtype, shape, data } = tensor
  if (Array.isArray(data)) {
    const strings = data.slice()
    const odd = strings.findIndex((text) => typeof text !== 'string')
    if (odd < 0) return { dtype, shape, data: strings }
    throw new LanewiseError('E_TENSOR', `element ${odd} of "${name}" is no string`, {
      tensor: name,
      expected: 'string',
      actual: strings[odd] === null ? 'null' : typeof strings[odd],
    })
  }
  const shared = tagOf(data.buffer) === 'SharedArrayBuffer'
  return shared ? { dtype, shape, data: data.slice() as HostTensor['data'] } : tensor
}

/** @throws LanewiseError `E_TENSOR` if a user's tensor has no longer the elements that its shape says. */
export function checkElements(name: string, { dtype, shape, data }: HostTensor): void {
  const expected = sizeOf(shape) * (dtype.startsWith('complex') ? 2 : 1)
  if (data.length !== expected)
    throw new LanewiseError('E_TENSOR', `the buffer of "${name}" was detached or resized before its run began`, {
      tensor: name,
      expected: String(expected),
      actual: String(data.length),
    })
}
