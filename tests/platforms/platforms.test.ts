import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hasChromium, serve } from '../support/chromium.js'
import { root } from '../support/package.js'
import { installedIn } from '../support/set-up/installed.js'
import { bundledList } from './conformance-file.js'
import { examples } from './examples.js'
import { makeFixture } from './fixture.js'
import { write, type Lab, type Row } from './row.js'
import { runtimes } from './runtimes.js'

// What takes seconds of the suites that `npm run test:platforms` runs whole.
let work: string
let server: Server
let lab: Lab

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'lanewise-platforms-'))
  const [folder, site] = [join(work, 'app'), join(work, 'site')]
  installedIn(folder)
  mkdirSync(site)
  const fixture = await makeFixture()
  write(site, { 'small.onnx': Buffer.from(fixture.small, 'base64') })
  const served = await serve(site)
  server = served.server
  lab = { folder, site, fixture, origin: served.origin, conformance: await bundledList(), tarball: '' }
}, 180_000)

afterAll(async () => {
  await new Promise((done) => (server ? server.close(done) : done(undefined)))
  if (work) rmSync(work, { recursive: true, force: true })
})

const named = (name: string) => runtimes.find((row) => row.name === name) as Row

async function failures(row: Row): Promise<[string, string][]> {
  const { report } = await row.run(lab)
  expect(Object.keys(report).length).toBeGreaterThan(15)
  return Object.entries(report).filter(([, text]) => !/^(ok$|–)/.test(text))
}

test.skipIf(!process.version.startsWith('v20.'))('Node 20 passes the list', async () => {
  expect(await failures(named('Node 20'))).toEqual([])
})

test.skipIf(!hasChromium)('a service worker, which has no dynamic import, passes the list', async () => {
  expect(await failures(named('Chromium, service worker'))).toEqual([])
})

test('every example is tried', () => {
  const folders = readdirSync(join(root, 'examples'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const tried = examples.map(({ name }) => name.replace(/^examples\/|,.*/g, ''))
  // tests/docs compiles and runs that one.
  expect([...new Set(tried), 'own-operator'].sort()).toEqual(folders.map(({ name }) => name).sort())
})
