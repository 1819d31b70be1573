import { afterEach, expect, test, vi } from 'vitest'
import { bytesOfBase64 } from '../../bindings/base64.js'
import { expectError } from '../support/expect-error.js'
import { seeded } from '../support/random.js'

afterEach(() => void vi.unstubAllGlobals())

const random = seeded(3)
const given = Array.from({ length: 40 }, (_, length) => Buffer.from(Array.from({ length }, () => 256 * random())))

test.each([true, false])('bytes come back, with an atob: %s', (has) => {
  if (!has) {
    vi.stubGlobal('atob', undefined)
    Reflect.deleteProperty(globalThis, 'atob')
  }
  expect('atob' in globalThis).toBe(has)
  for (const bytes of given) expect(Buffer.from(bytesOfBase64(bytes.toString('base64')))).toEqual(bytes)
  for (const damaged of ['AAAA!AAA', 'AAAAA', 'AAAAÄAAA', 'AA=A'])
    expectError('E_STATE', () => bytesOfBase64(damaged), /damaged/)
})
