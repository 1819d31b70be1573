import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { undocumented } from '../../scripts/public-docs.js'

const folder = mkdtempSync(join(tmpdir(), 'lanewise-docs-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('an export without a word about it is found, by whatever way it is exported', () => {
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text)
  write('tsconfig.json', '{ "compilerOptions": { "target": "es2022", "module": "nodenext", "types": [] } }')
  write('package.json', '{ "type": "module" }')
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
  expect(names.sort()).toEqual(['more.ts:1 F.Hidden', 'parts.ts:2 silent', 'parts.ts:3 Silent', 'parts.ts:5 commented'])
})
