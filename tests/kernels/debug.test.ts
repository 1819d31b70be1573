import { readFileSync } from 'node:fs'
import { beforeEach, describe, expect, it } from 'vitest'
import { Wasm } from '../support/wasm.js'

/** Every exported kernel with the types of its parameters, from the declarations that the build writes. */
const kernels = [
  ...readFileSync(new URL('../../bindings/exports.d.ts', import.meta.url), 'utf8').matchAll(
    /export function (\w+)\(([^)]*)\)/g,
  ),
].map(([, name, parameters]) => ({
  name,
  parameters: parameters === '' ? [] : parameters.split(', ').map((parameter) => parameter.split(': ')),
}))

// `npm run test:kernels` compiles one target, and that is another.
describe.skipIf(process.env.LANEWISE_KERNELS)('the debug build asserts', () => {
  let wasm: Wasm
  beforeEach(() => {
    wasm = new Wasm('debug')
  })

  it('nothing of a call that is right', () => {
    const y = wasm.alloc(16)
    wasm.kernels.softmax_f32(wasm.f32([0, 0, 0, 0]), y, 4, 1, 0, 1)
    expect([...wasm.viewF32(y, 4)]).toEqual([0.25, 0.25, 0.25, 0.25])
  })

  it('that an address is one, and says which', () => {
    const x = wasm.f32([1, 2, 3, 4])
    expect(() => wasm.kernels.softmax_f32(x, 4, x, 1, 0, 1)).toThrow(/y is no address at assembly\/norm\/softmax/)
    expect(() => wasm.kernels.softmax_f32(x, 2 ** 31, 4, 1, 0, 1)).toThrow('y is no address')
  })

  it('that sizes and ranges are some', () => {
    const x = wasm.f32([1, 2, 3, 4])
    expect(() => wasm.kernels.softmax_f32(x, x, -4, 1, 0, 1)).toThrow('axis is negative')
    expect(() => wasm.kernels.softmax_f32(x, x, 4, 1, 1, 0)).toThrow('the range [begin, end) runs backwards')
  })

  it('what a window holds', () => {
    const x = wasm.f32(new Float32Array(64))
    expect(() => wasm.kernels.max_pool_f32(x, x, wasm.i32(new Int32Array(32)), 0, 1)).toThrow('channels')
  })

  it.each(kernels.filter(({ parameters }) => parameters.some(([, type]) => type.includes('Address'))))(
    'addresses of $name',
    ({ name, parameters }) => {
      const x = wasm.alloc(1024)
      const last = parameters.findLastIndex(([, type]) => type.includes('Address'))
      // All other arguments are such that nothing is done if the assertion is missing.
      const call = parameters.map(([, type], i) => (i === last ? 8 : type.includes('Address') ? x : 0))
      expect(() => wasm.kernels[name](...call)).toThrow(`${parameters[last][0]} is no address`)
    },
  )
})
