import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { undocumented } from '../../scripts/public-docs.js'

const folder = mkdtempSync(join(tmpdir(), 'lanewise-docs-'))
const write = (name: string, text: string): void => writeFileSync(join(folder, name), text)
write('tsconfig.json', '{ "compilerOptions": { "target": "es2022", "module": "nodenext", "types": [] } }')
write('package.json', '{ "type": "module" }')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('an export without a word about it is found, by whatever way it is exported', () => {
  write(
    'parts.ts',
    `/** Said. */ export const said = 1
export const silent = 2
export interface Silent { x: number }
// A plain comment is no documentation.
export function commented(): void {}
`,
  )
  write(
    'entry.ts',
    "export * from './parts.js'\nexport * as F from './more.js'\nexport { said as again } from './parts.js'\n",
  )
  write('more.ts', 'export class Hidden {}\n/** Said. */\nexport class Shown {}\n')
  const names = undocumented(folder, ['entry.ts']).map(({ name, place }) => `${place} ${name}`)
  expect(names.sort()).toEqual([
    'more.ts:1 F.Hidden',
    'parts.ts:2 silent',
    'parts.ts:3 Silent',
    'parts.ts:3 Silent.x',
    'parts.ts:5 commented',
  ])
})

test('a member without a word about it is found; what a documented one implements or overrides is said', () => {
  write(
    'members.ts',
    `/** Said. */
export interface Said {
  /** Said. */
  told: number
  silent?: string
  run(): void
}
/** Said. */
export class Shown implements Said {
  static readonly name = 'Shown'
  told = 1
  /** @throws Error always. */
  run(): void {}
  get size(): number { return 1 }
  /** @internal */
  forTools = 1
  private hidden = 1
  protected within = 1
  #own = 1
  static make(): Shown { return new Shown(1, 2) }
  constructor(
    /** Said. */
    readonly first: number,
    readonly second: number,
  ) {}
}
/** Said. */
export class Below extends Shown {
  get size(): number { return 2 }
}
/** Said. */
export type Options = { a: 1 } | {
  /** Said. */
  b: 2
}
/** Said, and its rows with it. */
export interface TensorDataTypeMap { float32: Float32Array }
`,
  )
  const names = undocumented(folder, ['members.ts']).map(({ name }) => name)
  expect(names.sort()).toEqual([
    'Below.size',
    'Options.a',
    'Said.run',
    'Said.silent',
    'Shown.make',
    'Shown.second',
    'Shown.size',
  ])
})
