// Everywhere JavaScript runs: `npm run test:platforms` installs what each place needs under the system's temporary
// folder, runs the packed library there, and writes the tables of docs/platforms.md. `--only NAME` (part of a name,
// several times) runs some rows, and writes those.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { serve } from '../support/chromium.js'
import { packLibrary } from '../support/package.js'
import { bundledList } from './conformance-file.js'
import { makeFixture } from './fixture.js'
import { install, Skipped, write, type Row } from './row.js'
import { bundlers } from './bundlers.js'
import { examples } from './examples.js'
import { runtimes } from './runtimes.js'
import { written, type Result } from './table.js'

const { values } = parseArgs({ options: { only: { type: 'string', multiple: true }, help: { type: 'boolean' } } })
if (values.help) {
  console.log('npm run test:platforms [-- --only NAME …]')
  process.exit()
}
const groups: Readonly<Record<string, readonly Row[]>> = { runtimes, bundlers, examples }
const wanted = ({ name }: Row) =>
  !values.only || values.only.some((part) => name.toLowerCase().includes(part.toLowerCase()))

const work = process.env.LANEWISE_PLATFORMS ?? join(tmpdir(), 'lanewise-platforms')
const site = join(work, 'site')
mkdirSync(site, { recursive: true })
const fixture = await makeFixture()
write(site, { 'small.onnx': Buffer.from(fixture.small, 'base64') })
const packed = mkdtempSync(join(work, 'packed-'))
const tarball = packLibrary(packed).file
const { server, origin } = await serve(site)
const conformance = await bundledList()

const results: Record<string, Result[]> = {}
let failures = 0
for (const [group, rows] of Object.entries(groups)) {
  results[group] = []
  for (const row of rows.filter(wanted)) {
    const folder = join(work, folderOf(row.packages ?? {}))
    const result = await tried(row, folder)
    results[group].push(result)
    const wrong = Object.entries(result.report ?? {}).filter(([, text]) => !/^(ok|–)/.test(text))
    const state = result.skipped ? `skipped: ${result.skipped}` : wrong.length > 0 ? 'FAILED' : 'ok'
    console.log(`${row.name} ${result.version ?? ''}: ${state}`)
    for (const [check, text] of wrong) console.log(`    ${check}: ${text}`)
    failures += Number(wrong.length > 0)
  }
}
server.close()
rmSync(packed, { recursive: true })
const page = fileURLToPath(new URL('../../docs/platforms.md', import.meta.url))
const order = Object.fromEntries(Object.entries(groups).map(([group, rows]) => [group, rows.map(({ name }) => name)]))
writeFileSync(page, written(readFileSync(page, 'utf8'), results, order))
process.exit(failures > 0 ? 1 : 0)

/** Rows that need the same packages share them. */
function folderOf(packages: Readonly<Record<string, string>>): string {
  const names = Object.entries(packages).map(([name, version]) => `${name}-${version}`)
  return names.join('-').replaceAll(/[^\w.]+/g, '-') || 'nothing'
}

async function tried(row: Row, folder: string): Promise<Result> {
  const { name } = row
  try {
    install(folder, row.packages ?? {}, tarball)
    return { name, ...(await row.run({ folder, fixture, origin, site, conformance, tarball })) }
  } catch (error) {
    if (error instanceof Skipped) return { name, skipped: error.message }
    return { name, report: { 'the row itself': String((error as Error).stack ?? error) } }
  }
}
