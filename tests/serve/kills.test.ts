import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { seeded } from '../support/random.js'
import { score } from './built.js'
import { small } from './models.js'
import { freePort, hasRedis, kill, startRedis } from './redis.js'

/** How many processes are killed; a run of hours is LANEWISE_KILLS=5000. */
const KILLS = Number(process.env.LANEWISE_KILLS ?? 25)
const ITEMS = 1200

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'lanewise-kills-'))
const processes = new Set<ChildProcess>()
afterAll(async () => {
  await Promise.all([...processes].map((child) => kill(child)))
  rmSync(folder, { recursive: true, force: true })
})

function started(child: ChildProcess): ChildProcess {
  processes.add(child)
  child.once('exit', () => processes.delete(child))
  return child
}

function lanewise(...args: string[]): { child: ChildProcess; error: () => string } {
  const child = started(spawn(process.execPath, [main, ...args], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] }))
  let error = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (error += text))
  return { child, error: () => error }
}

const wait = (ms: number) => new Promise((done) => setTimeout(done, ms))

test.skipIf(!hasRedis())(
  `${KILLS} kills of workers, Redis and whoever waits change no byte`,
  { timeout: 600_000 + KILLS * 5000 },
  async () => {
    const random = seeded(21)
    writeFileSync(join(folder, 'small.onnx'), small())
    // Every hundredth is no picture: what is at fault itself is told, whoever dies.
    const line = (i: number) =>
      i % 100 === 99 ? '"none"' : JSON.stringify(Array.from({ length: 64 }, () => Math.fround(random())))
    writeFileSync(join(folder, 'in.jsonl'), Array.from({ length: ITEMS }, (_, i) => `${line(i)}\n`).join(''))
    const common = { model: join(folder, 'small.onnx'), input: join(folder, 'in.jsonl'), cache: join(folder, 'cache') }
    await score({ ...common, output: join(folder, 'right'), shardSize: 8 })
    const bytesOf = (output: string) =>
      ['output.jsonl', 'failed.jsonl', 'manifest.json'].map((name) => readFileSync(join(folder, output, name), 'utf8'))
    const right = bytesOf('right')
    expect(JSON.parse(right[2])).toMatchObject({ items: ITEMS, scored: 0.99 * ITEMS, failed: 0.01 * ITEMS })

    const port = await freePort()
    const url = `redis://127.0.0.1:${port}`
    mkdirSync(join(folder, 'redis'))
    const newRedis = () => started(startRedis(port, join(folder, 'redis')))
    const newWorker = () => lanewise('work', '--queue', url, '--cache', 'cache', '--stall', '1500').child
    let redis = newRedis()
    const workers = [newWorker(), newWorker(), newWorker()]
    let runs = 0
    const submit = () =>
      lanewise(
        ...['score', 'small.onnx', '--input', 'in.jsonl', '--output', `run${runs}`, '--shard', '8', '--resume'],
        ...['--queue', url],
      )
    let submitter = submit()

    for (let kills = 0; kills < KILLS;) {
      await wait(50 + 400 * random())
      if (submitter.child.exitCode !== null) {
        // Done: whatever was killed, every byte is right. On to the next run.
        expect(submitter.child.exitCode, submitter.error()).toBe(0)
        expect(bytesOf(`run${runs}`)).toEqual(right)
        runs++
        submitter = submit()
        continue
      }
      const target = random()
      if (target < 0.7) {
        const which = Math.floor(3 * random())
        await kill(workers[which])
        workers[which] = newWorker()
      } else if (target < 0.85) {
        await kill(redis)
        redis = newRedis()
      } else {
        await kill(submitter.child)
        submitter = submit()
      }
      kills++
    }
    while (submitter.child.exitCode === null) await wait(50)
    expect(submitter.child.exitCode, submitter.error()).toBe(0)
    expect(bytesOf(`run${runs}`)).toEqual(right)
    // Nothing half is left.
    const left = readdirSync(join(folder, `run${runs}`), { recursive: true, encoding: 'utf8' })
    expect(left.filter((name) => name.endsWith('.tmp'))).toEqual([])
    console.log(`${KILLS} kills during ${runs + 1} runs`)

    await Promise.all(workers.map((worker) => kill(worker, 'SIGTERM')))
    await kill(redis)
  },
)
