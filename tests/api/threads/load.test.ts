import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, afterAll, describe, expect, test, vi } from 'vitest'
import { cutting } from '../../../bindings/threads.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../../src/node.js'
import { cores, quota } from '../../../src/platform/node-threads.js'
import { started } from '../../../src/platform/threads.js'
import { seeded } from '../../support/random.js'

vi.mock('node:fs', async (actual) => {
  const real = await actual<typeof fs>()
  return { ...real, readFileSync: vi.fn(real.readFileSync) }
})

afterEach(() => void Object.assign(cutting, { pieces: undefined, grain: undefined, pauses: undefined }))

test('ten thousand runs with pauses wherever they fall have the same bits', async () => {
  const random = seeded(11)
  const floats = (...dims: number[]) =>
    new Tensor(
      Float32Array.from({ length: dims.reduce((a, b) => a * b) }, () => random() - 0.5),
      dims,
    )
  const g = new GraphBuilder('net')
  const x = g.op('MatMul', [g.input('x', 'float32', [24, 16]), g.constant('w', floats(16, 64))])
  g.output(g.op('Softmax', [g.op('Tanh', [x])]), 'y')
  const bytes = exportModel(g)
  const feeds = { x: floats(24, 16) }
  const bits = ({ data }: Tensor) => Buffer.from((data as Float32Array).slice().buffer)
  const expected = bits((await InferenceSession.create(bytes, { threads: 1 })).runSync(feeds).y)
  Object.assign(cutting, { pieces: 4, grain: 4, pauses: 200 })
  const session = await InferenceSession.create(bytes, { threads: 3 })
  for (const end = Date.now() + 20_000; started() < 2 && Date.now() < end;)
    await new Promise((resolve) => setTimeout(resolve, 5))
  let wrong = 0
  for (let i = 0; i < 10_000; i++) {
    if (bits(session.runSync(feeds).y).compare(expected) !== 0) wrong++
  }
  expect(wrong).toBe(0)
})

describe('a control group', () => {
  const real = vi.mocked(fs.readFileSync).getMockImplementation() as typeof fs.readFileSync
  afterEach(() => void vi.mocked(fs.readFileSync).mockImplementation(real))

  const machine = cores()
  test.each([
    ['with a quota of one core', '0::/jobs/a\n', { '/sys/fs/cgroup/jobs/a/cpu.max': '100000 100000\n' }, 1],
    ['with less than one', '0::/jobs/a\n', { '/sys/fs/cgroup/jobs/a/cpu.max': '20000 100000\n' }, 1],
    ['whose group above has one', '0::/jobs/a\n', { '/sys/fs/cgroup/jobs/cpu.max': '100000 100000\n' }, 1],
    ['with none', '0::/jobs/a\n', { '/sys/fs/cgroup/jobs/a/cpu.max': 'max 100000\n' }, machine],
    ['with more than there are', '0::/\n', { '/sys/fs/cgroup/cpu.max': '99900000 100000\n' }, machine],
    [
      'of the first version',
      '4:cpu,cpuacct:/docker/b\n1:name=systemd:/\n',
      {
        '/sys/fs/cgroup/cpu/docker/b/cpu.cfs_quota_us': '100000\n',
        '/sys/fs/cgroup/cpu/docker/b/cpu.cfs_period_us': '100000\n',
      },
      1,
    ],
  ] as const)('%s is respected', (_, groups, files, expected) => {
    vi.mocked(fs.readFileSync).mockImplementation(((path: string, ...how: []) => {
      if (path === '/proc/self/cgroup') return groups
      if (!path.startsWith('/sys/fs/cgroup')) return real(path, ...how)
      const text = (files as Readonly<Record<string, string>>)[path]
      if (text === undefined) throw new Error(`there is no ${path}`)
      return text
    }) as typeof fs.readFileSync)
    expect(cores()).toBe(expected)
    const granted = Object.values(files).join().startsWith('20000') ? '0.2' : '1'
    const quotaCounts = expected === 1 && machine > 1
    if (quotaCounts || granted === '0.2') expect(quota()).toBe(`: its control group grants ${granted}`)
    else expect(quota()).toBe('')
  })
})

describe('processes and threads that have threads', () => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'lanewise-load-'))
  const work = `
    import { exportModel, GraphBuilder, InferenceSession, Tensor } from ${JSON.stringify(new URL('../../../dist/node.js', import.meta.url).href)}
    export async function work() {
      const g = new GraphBuilder('product')
      g.output(g.op('MatMul', [g.input('x', 'float32', [192, 192]), g.input('w', 'float32', [192, 192])]), 'y')
      const session = await InferenceSession.create(exportModel(g), { threads: 2 })
      const ones = new Tensor(new Float32Array(192 * 192).fill(1), [192, 192])
      let wrong = 0
      for (let i = 0; i < 50; i++) if (!(await session.run({ x: ones, w: ones })).y.data.every((y) => y === 192)) wrong++
      return session.threads === 2 && wrong === 0 ? 'right' : 'wrong'
    }
  `
  const programs = {
    cluster: `
      import cluster from 'node:cluster'
      import { work } from './work.mjs'
      if (cluster.isPrimary) for (let i = 0; i < 3; i++) cluster.fork()
      else console.log(await work()), process.disconnect()`,
    nested: `
      import { Worker, workerData } from 'node:worker_threads'
      import { work } from './work.mjs'
      console.log(await work())
      if (!(workerData >= 2)) new Worker(new URL(import.meta.url), { workerData: (workerData ?? 0) + 1 })`,
    'runner.test': `
      import assert from 'node:assert'
      import { test } from 'node:test'
      import { work } from './work.mjs'
      for (const name of ['one', 'two']) test(name, async () => assert.equal(await work(), 'right'))`,
  }
  beforeAll(() => {
    fs.writeFileSync(join(folder, 'work.mjs'), work)
    for (const [name, text] of Object.entries(programs)) fs.writeFileSync(join(folder, `${name}.mjs`), text)
  })
  afterAll(() => fs.rmSync(folder, { recursive: true }))

  const run = (...args: string[]) =>
    execFileSync(process.execPath, args, {
      cwd: folder,
      encoding: 'utf8',
      timeout: 100_000,
      // Of this runner, which another would report to.
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    })

  test.each(['cluster', 'nested'])('%s: answers are right, and all end by themselves', (name) => {
    expect(run(`${name}.mjs`).trim().split('\n')).toEqual(['right', 'right', 'right'])
  })

  test('tests of the runner of Node pass and end', () => {
    expect(run('--test', '--test-reporter=tap', 'runner.test.mjs')).toMatch(/# pass 2\n/)
  })
})
