import { LanewiseError } from '../../core/errors.js'
import { isHostTensor, type HostValue } from '../../core/host.js'
import { ignored } from '../../ir/attributes.js'
import { defineOp } from '../../ir/op.js'

export const Optional = defineOp({
  name: 'Optional',
  arity: [0, 1],
  attributes: { type: ignored() },
  values({ inputs: [value] }) {
    if (value && !isHostTensor(value) && value.kind !== 'sequence') {
      throw new LanewiseError('E_TENSOR', `an optional cannot hold a value of the kind ${value.kind}`, {
        actual: value.kind,
      })
    }
    return [{ kind: 'optional', value: value ?? null }]
  },
})

export const OptionalHasElement = defineOp({
  name: 'OptionalHasElement',
  arity: [0, 1],
  attributes: {},
  values: ({ inputs: [value] }) => [
    { dtype: 'bool', shape: [], data: Uint8Array.of(contentOf(value) === null ? 0 : 1) },
  ],
})

export const OptionalGetElement = defineOp({
  name: 'OptionalGetElement',
  arity: 1,
  attributes: {},
  values({ inputs: [value] }) {
    const content = contentOf(value)
    if (content === null) throw new LanewiseError('E_VALUE', 'the optional holds nothing')
    return [content]
  },
})

/** From opset 18 on, a tensor or sequence may stand where an optional may. */
function contentOf(value: HostValue | undefined): HostValue | null {
  if (!value) return null
  return !isHostTensor(value) && value.kind === 'optional' ? value.value : value
}
