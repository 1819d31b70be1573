import { beforeAll, expect, test } from 'vitest'
import { LanewiseError } from '../../src/core/errors.js'
import { InferenceSession, prepare, Tensor } from '../../src/node.js'
import { withHeader } from '../support/prepared-model.js'
import { seeded } from '../support/random.js'
import { smallImage, smallModel } from '../support/small-model.js'

// A prepared model is a file like any other: damaged, cut off, or written by somebody who means harm, it ends in a
// typed error.

let file: Uint8Array
let expected: string

beforeAll(async () => {
  file = await prepare(smallModel(), { build: 'simd' })
  expected = await outcome(file)
  expect(expected).toMatch(/^-?\d/)
})

const image = new Tensor('float32', smallImage(), [1, 1, 12, 12])

/** What the model answers, or the code of the error. Anything but a LanewiseError is thrown. */
async function outcome(bytes: Uint8Array): Promise<string> {
  try {
    await using session = await InferenceSession.create(bytes, { build: 'simd' })
    // The outputs may have been given other names.
    return Object.values(await session.run({ image }))
      .map(({ data }) => String(data))
      .join()
  } catch (error) {
    if (error instanceof LanewiseError) return error.code
    throw error
  }
}

test('cut off at every place', async () => {
  const codes = new Set<string>()
  for (let length = 0; length < file.length; length++) codes.add(await outcome(file.subarray(0, length)))
  expect([...codes]).toEqual(['E_PARSE'])
})

test('with more after its end', async () => {
  const longer = new Uint8Array(file.length + 1)
  longer.set(file)
  expect(await outcome(longer)).toBe('E_PARSE')
})

test('a byte changed, whichever: an error, or nothing that is read', async () => {
  const random = seeded(2)
  const wrong: string[] = []
  let errors = 0
  for (let at = 0; at < file.length; at += 1 + Math.floor(3 * random())) {
    const changed = file.slice()
    changed[at] ^= 1 << Math.floor(8 * random())
    const found = await outcome(changed)
    if (/^E_(PARSE|UNSUPPORTED)$/.test(found)) errors++
    else if (found !== expected) wrong.push(`byte ${at}: ${found}`)
  }
  expect(wrong).toEqual([])
  // All but what stands between blocks.
  expect(errors).toBeGreaterThan(file.length / 4)
})

/** Every place in what JSON has made, as the keys that lead there. */
function places(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [path]
  const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
  return [path, ...entries.flatMap(([key, inner]) => places(inner, [...path, key]))]
}

test('anything in the place of anything in the header, with the right checksum', async () => {
  const others = [
    -1,
    0,
    1,
    0.5,
    7,
    1e6,
    2 ** 31,
    2 ** 32 + 1,
    2 ** 53,
    null,
    true,
    'x',
    '__proto__',
    [],
    {},
    [[]],
    { number: 'NaN' },
  ]
  let all: (readonly (string | number)[])[] = []
  withHeader(file, (header) => void (all = places(header)))
  expect(all.length).toBeGreaterThan(100)
  const random = seeded(3)
  const codes = new Map<string, number>()
  const wrong: string[] = []
  for (const path of all.slice(1)) {
    for (const other of others) {
      if (random() < 0.6) continue
      const changed = withHeader(file, (header) => {
        let place: Record<string | number, unknown> = header
        for (const key of path.slice(0, -1)) place = place[key] as typeof place
        place[path[path.length - 1]] = other
      })
      const found = await outcome(changed).catch((error: Error) => `${path.join('.')}: ${error.message}`)
      if (/^[a-z]/.test(found)) wrong.push(found)
      const code = found.startsWith('E_') ? found : 'answers'
      codes.set(code, (codes.get(code) ?? 0) + 1)
    }
  }
  expect(wrong).toEqual([])
  // Names may be any text, and what is not read may be anything; most is refused.
  expect(codes.get('E_PARSE') ?? 0).toBeGreaterThan(5 * (codes.get('answers') ?? 0))
})

test('parts that are left out', async () => {
  let keys: string[] = []
  withHeader(file, ({ variants: [variant] }) => void (keys = Object.keys(variant)))
  for (const key of keys) {
    const found = await outcome(withHeader(file, ({ variants: [variant] }) => void delete variant[key]))
    expect(found, key).toMatch(/^E_/)
  }
  expect(await outcome(withHeader(file, (header) => ({ ...header, variants: [] })))).toBe('E_VALUE')
})
