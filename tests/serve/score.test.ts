import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import { writeNpy } from '../../src/data/formats/npy.js'
import { checkedTask } from '../../src/serve/score/task.js'
import { exportModel, GraphBuilder, score, scoreStatus, Tensor, work } from './built.js'
import { summed } from './models.js'
import { freePort, hasRedis, kill, startRedis } from './redis.js'
import { floats, refused, scoring } from './scoring.js'

const { folder, at, lastOutput, scored } = scoring()

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

describe('a run', () => {
  test('may be joined by several at once, who leave what the others are writing', async () => {
    writeFileSync(at('shared.jsonl'), Array.from({ length: 3000 }, (_, i) => `[${i},0.5]\n`).join(''))
    const { output, manifest } = await scored('scaled', 'shared.jsonl', { shardSize: 100 })
    const again = { model: at('scaled.onnx'), input: at('shared.jsonl'), output, cache: at('cache'), shardSize: 100 }
    const bytes = () =>
      ['output.jsonl', 'failed.jsonl', 'manifest.json'].map((name) => readFileSync(join(output, name)))
    const right = bytes()
    for (let round = 0; round < 5; round++) {
      rmSync(join(output, 'manifest.json'))
      rmSync(join(output, 'shards/0000003.jsonl'))
      const all = await Promise.all([1, 2, 3].map(() => score({ ...again, resume: true })))
      expect(all).toEqual([manifest, manifest, manifest])
      expect(bytes()).toEqual(right)
      expect(readdirSync(output, { recursive: true }).filter((name) => String(name).endsWith('.tmp'))).toEqual([])
    }
  }, 60_000)

  test('removes what those left behind who died, and nothing of those who live', async () => {
    writeFileSync(at('few.jsonl'), '[1,2]\n')
    const { output, manifest } = await scored('scaled', 'few.jsonl')
    const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
    // No process has so high a number.
    const name = (host: string, pid: number) => `output.jsonl.${host}-${pid}-0123456789abcdef.tmp`
    const [dead, own, elsewhere, old] = [name(machine, 2 ** 30), name(machine, process.pid), name('00000000', 1), name('00000001', 1)] // prettier-ignore
    for (const each of [dead, own, elsewhere, old]) writeFileSync(join(output, each), '')
    const twoDaysAgo = new Date(Date.now() - 2 * 86_400_000)
    utimesSync(join(output, old), twoDaysAgo, twoDaysAgo)
    rmSync(join(output, 'manifest.json'))
    const again = { model: at('scaled.onnx'), input: at('few.jsonl'), output, cache: at('cache'), resume: true }
    expect(await score(again)).toEqual(manifest)
    expect(readdirSync(output).filter((each) => each.endsWith('.tmp'))).toEqual([elsewhere, own].sort())
  })

  test.skipIf(process.platform !== 'linux')(
    'in a folder that cannot be made is refused, and does not wait',
    async () => {
      writeFileSync(at('few.jsonl'), '[1,2]\n')
      const options = { model: at('scaled.onnx'), input: at('few.jsonl'), cache: at('cache') }
      await refused('E_EXTERNAL', score({ ...options, output: '/proc/nope/run' }), /cannot make the folder/)
      await refused('E_EXTERNAL', score({ ...options, output: at('few.jsonl/run') }), /not a directory|cannot make/)
    },
  )

  test('has the same bytes whatever its threads, and is not begun twice', async () => {
    writeFileSync(at('many.jsonl'), Array.from({ length: 100 }, (_, i) => `[${i},0.5]\n`).join(''))
    const one = await scored('scaled', 'many.jsonl', { shardSize: 7 })
    const two = await scored('scaled', 'many.jsonl', { shardSize: 7, local: 2 })
    expect(readFileSync(join(two.output, 'manifest.json'))).toEqual(readFileSync(join(one.output, 'manifest.json')))
    const again = { model: at('scaled.onnx'), input: at('many.jsonl'), output: one.output, cache: at('cache') }
    await refused('E_STATE', score({ ...again, shardSize: 7 }), /holds a run already/)
    await refused('E_STATE', score({ ...again, shardSize: 8, resume: true }), /holds another run/)
    expect(await score({ ...again, shardSize: 7, resume: true })).toEqual(one.manifest)
    // Whatever is missing is made again, and nothing else.
    for (const name of ['manifest.json', 'output.jsonl', 'shards/0000003.jsonl']) rmSync(join(one.output, name))
    expect(await scoreStatus({ output: one.output })).toMatchObject({ shards: 15, done: 14, joined: false })
    expect(await score({ ...again, shardSize: 7, resume: true })).toEqual(one.manifest)
    expect(readdirSync(one.output).sort()).toEqual(['failed.jsonl', 'manifest.json', 'models', 'output.jsonl', 'plan.json', 'shards']) // prettier-ignore
    // A shard that is cut off is made again: after a line, within one, before the first; so is one of other items.
    const shard = join(one.output, 'shards/0000003.jsonl')
    const whole = readFileSync(shard, 'utf8')
    for (const text of [
      whole.slice(0, whole.indexOf('\n') + 1),
      whole.slice(0, -3),
      '',
      whole.replaceAll(':2', ':5'),
    ]) {
      rmSync(join(one.output, 'manifest.json'))
      writeFileSync(shard, text)
      expect(await score({ ...again, shardSize: 7, resume: true })).toEqual(one.manifest)
      expect(readFileSync(shard, 'utf8')).toBe(whole)
    }
  })

  test('may keep its shards elsewhere than in a folder', async () => {
    writeFileSync(
      at('store.mjs'),
      `import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
       // Flat, as a bucket is.
       export const openStore = (location) => {
         const path = (name) => location.slice(7) + '/' + encodeURIComponent(name)
         return {
           read: (name) => readFile(path(name)).catch(() => undefined),
           async write(name, pieces) {
             await mkdir(location.slice(7), { recursive: true })
             const all = []
             for await (const piece of pieces) all.push(piece)
             await writeFile(path(name), Buffer.concat(all))
           },
           async list(folder) {
             const names = (await readdir(location.slice(7)).catch(() => [])).map(decodeURIComponent)
             return names.filter((name) => name.startsWith(folder + '/')).map((name) => name.slice(folder.length + 1))
           },
         }
       }`,
    )
    writeFileSync(at('few.jsonl'), '[1,2]\n[3,4]\n')
    const manifest = await score({
      ...{ model: at('scaled.onnx'), input: at('few.jsonl'), cache: at('cache'), shardSize: 1 },
      ...{ output: `bucket:${at('bucket')}`, store: at('store.mjs') },
    })
    expect(manifest).toMatchObject({ scored: 2, failed: 0 })
    expect(readFileSync(at('bucket/output.jsonl'), 'utf8')).toBe('{"index":0,"outputs":{"y":[2,4]}}\n{"index":1,"outputs":{"y":[6,8]}}\n') // prettier-ignore
  })

  test('has the same nesting for all items: only an axis that is 1 for all of them is left out', async () => {
    const g = new GraphBuilder('sums')
    const axis = g.constant('axis', new Tensor('int64', [0n], []))
    g.output(g.op('CumSum', [g.input('x', 'float32', ['T', 2]), axis]), 'y')
    writeFileSync(at('sums.onnx'), exportModel(g.graph()))
    writeFileSync(at('lengths.jsonl'), '[[1,2]]\n[[1,2],[3,4]]\n')
    const { lines } = await scored('sums', 'lengths.jsonl')
    expect(lines.map(({ outputs }) => outputs.y)).toEqual([
      [[1, 2]],
      [
        [1, 2],
        [4, 6],
      ],
    ])
    const fixed = new GraphBuilder('fixed')
    fixed.output(fixed.op('Neg', [fixed.input('x', 'float32', [1, 2])]), 'y')
    writeFileSync(at('fixed.onnx'), exportModel(fixed.graph()))
    writeFileSync(at('fixed.jsonl'), '[1,2]\n[3,4]\n')
    const both = await scored('fixed', 'fixed.jsonl')
    expect(both.lines.map(({ outputs }) => outputs.y)).toEqual([
      [-1, -2],
      [-3, -4],
    ])
  })

  test('is scored by a model whose tensors are in a file of their own', async () => {
    const g = new GraphBuilder('heavy')
    const factor = g.constant(
      'f',
      new Tensor(
        'float32',
        Float32Array.from({ length: 64 }, (_, i) => i),
        [64],
      ),
    )
    g.output(g.op('Mul', [g.input('x', 'float32', ['N', 64]), factor]), 'y')
    const parts: Uint8Array[] = []
    const target = { location: 'weights/heavy.data', write: (bytes: Uint8Array) => void parts.push(bytes.slice()) }
    mkdirSync(at('weights'))
    writeFileSync(at('heavy.onnx'), exportModel(g.graph(), { externalData: { ...target, threshold: 0 } }))
    writeFileSync(at('weights/heavy.data'), Buffer.concat(parts))
    writeFileSync(at('ones.jsonl'), `${JSON.stringify(new Array(64).fill(1))}\n`)
    const options = { cache: at('cache-external') }
    const { lines, output } = await scored('heavy', 'ones.jsonl', options)
    expect(lines[0].outputs.y).toEqual(Array.from({ length: 64 }, (_, i) => i))
    expect(readdirSync(options.cache).map((name) => name.slice(64)).sort()).toEqual(['.data', '.onnx']) // prettier-ignore
    // Other numbers in that file are another run.
    writeFileSync(at('weights/heavy.data'), new Uint8Array(Buffer.concat(parts).length))
    const again = { model: at('heavy.onnx'), input: at('ones.jsonl'), output, ...options, resume: true }
    await refused('E_STATE', score(again), /another run/)
  })

  test('is joined again by --resume if a result is gone or is another', async () => {
    writeFileSync(at('few.jsonl'), '[1,2]\n[3,4]\nx\n')
    const { output, manifest } = await scored('scaled', 'few.jsonl')
    const files = ['output.jsonl', 'failed.jsonl'].map((name) => join(output, name))
    const bytes = files.map((file) => readFileSync(file, 'utf8'))
    const options = { model: at('scaled.onnx'), input: at('few.jsonl'), output, cache: at('cache'), resume: true }
    rmSync(files[0])
    expect(await score(options)).toEqual(manifest)
    writeFileSync(files[1], bytes[1].replace('JSON', 'NOSJ'))
    expect(await score(options)).toEqual(manifest)
    expect(files.map((file) => readFileSync(file, 'utf8'))).toEqual(bytes)
  })

  test('that the model cannot take at all is refused before anything is begun', async () => {
    writeFileSync(at('summed.onnx'), summed())
    writeFileSync(at('three.npy'), writeNpy(floats([4, 3], new Array<number>(12).fill(1))))
    writeFileSync(at('ab.csv'), 'a,c\n1,2\n')
    writeFileSync(at('one-column.csv'), 'x,note\n1,2\n')
    writeFileSync(at('three-columns.csv'), 'a,b,c\n1,2,3\n')
    mkdirSync(at('one-picture'))
    writeFileSync(at('one-picture/a.png'), '')
    const none: [string, string, 'E_TENSOR' | 'E_UNSUPPORTED', RegExp][] = [
      ['summed', 'three.npy', 'E_UNSUPPORTED', /has 2 inputs \(a, b\)/],
      ['scaled', 'three.npy', 'E_TENSOR', /a row of .* is float32 \[1,3\], the input "x" takes float32 \[N,2\]/],
      ['picky', 'three.npy', 'E_TENSOR', /takes int64/],
      ['summed', 'ab.csv', 'E_TENSOR', /no column for each of the inputs a, b/],
      ['scaled', 'one-column.csv', 'E_TENSOR', /one cell for the input "x", .* takes \[N,2\]/],
      ['scaled', 'three-columns.csv', 'E_TENSOR', /has 3 cells, the input "x" takes \[N,2\]/],
      ['small', 'three-columns.csv', 'E_TENSOR', /has 3 cells, the input "image" takes \[N,1,8,8\]/],
      ['scaled', 'one-picture', 'E_TENSOR', /takes no picture/],
    ]
    for (const [model, input, code, message] of none) {
      await refused(code, scored(model, input), message)
      expect(readdirSync(folder)).not.toContain(lastOutput())
    }
  })

  test('that cannot be says why', async () => {
    writeFileSync(at('empty.jsonl'), '\n\n')
    await refused('E_VALUE', scored('scaled', 'empty.jsonl'), /has no rows/)
    await refused('E_EXTERNAL', scored('scaled', 'nowhere'), /cannot read/)
    writeFileSync(at('in.txt'), '')
    await refused('E_VALUE', scored('scaled', 'in.txt'), /neither a folder of pictures nor/)
    await refused('E_VALUE', scored('scaled', 'few.jsonl', { outputs: ['z'] }), /no output "z"/)
    await refused('E_VALUE', scored('scaled', 'few.jsonl', { local: 0 }), /local must be/)
    await refused('E_VALUE', scored('scaled', 'few.jsonl', { outputs: [] }), /at least one output/)
    await refused('E_VALUE', scored('scaled', 'few.jsonl', { outputs: ['y', 'y'] }), /none twice/)
    expect(readdirSync(folder)).not.toContain(lastOutput())
    await refused('E_STATE', scoreStatus({ output: at('nothing') }), /no run in/)
  })
})

test('a job is for a folder within the one that is allowed, wherever links lead', async () => {
  mkdirSync(at('allowed/run/shards'), { recursive: true })
  mkdirSync(at('outside'))
  symlinkSync('../outside', at('allowed/out'))
  symlinkSync('run', at('allowed/again'))
  mkdirSync(at('allowed/half'))
  symlinkSync('../../outside', at('allowed/half/shards'))
  symlinkSync('allowed', at('other-name'))
  const job = (location: string) => checkedTask({ plan: 'p', shard: 0, location: at(location) }, at('allowed'))
  for (const right of [
    'allowed',
    'allowed/run',
    'allowed/again',
    'allowed/new/deep',
    'allowed/again/new',
    'other-name/run',
  ])
    // prettier-ignore
    expect(await job(right)).toEqual({ plan: 'p', shard: 0, location: at(right) })
  for (const wrong of [
    'allowed/out',
    'allowed/out/new/deep',
    'allowed/half',
    'outside',
    'allowed-too',
    'allowed/../outside',
  ])
    // prettier-ignore
    await refused('E_VALUE', job(wrong), /does not lie in/)
  expect((await checkedTask({ plan: 'p', shard: 0, location: '/anywhere' }, undefined)).location).toBe('/anywhere')
  expect((await checkedTask({ plan: 'p', shard: 0, location: '/anywhere' }, '/')).location).toBe('/anywhere')
  for (const none of [undefined, { plan: 'p', shard: -1, location: '' }, { plan: 1, shard: 0, location: '' }])
    await refused('E_VALUE', checkedTask(none, undefined), /the job is none/)
})

describe.skipIf(!hasRedis())('workers', () => {
  test('give up what fails again and again, which is tried once more by --resume', async () => {
    const port = await freePort()
    mkdirSync(at('redis'))
    const redis = startRedis(port, at('redis'))
    const queue = `redis://127.0.0.1:${port}`
    const options = {
      model: at('scaled.onnx'),
      input: at('few.jsonl'),
      output: at('queued'),
      cache: at('cache'),
      queue,
    }
    writeFileSync(at('few.jsonl'), '[1,2]\n[3,4]\n')
    try {
      const elsewhere = await work({ queue, cache: at('cache'), within: at('elsewhere') })
      try {
        await refused('E_STATE', score(options), /1 of 1 shards were given up.*does not lie in .*elsewhere/)
      } finally {
        await elsewhere.close()
      }
      const done: string[] = []
      const worker = await work({
        queue,
        cache: at('other-cache'),
        onShard: ({ plan, shard }) => done.push(`${plan} ${shard}`),
      })
      try {
        const { run, scored: count } = await score({ ...options, resume: true })
        expect({ count, done }).toEqual({ count: 2, done: [`${run} 0`] })
        expect(await scoreStatus(options)).toMatchObject({
          joined: true,
          queue: { waiting: 0, active: 0, workers: 1, failed: [] },
        })
      } finally {
        await worker.close()
      }
      // The model is kept under its checksum.
      expect(readdirSync(at('other-cache'))).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.onnx$/)])
    } finally {
      await kill(redis)
    }
  })

  test('do each shard once while nobody dies', async () => {
    const port = await freePort()
    mkdirSync(at('redis-once'))
    const redis = startRedis(port, at('redis-once'))
    const queue = `redis://127.0.0.1:${port}`
    const row = JSON.stringify(new Array(64).fill(0.5))
    writeFileSync(at('hundreds.jsonl'), `${row}\n`.repeat(600))
    const done: string[] = []
    const args = [main, 'work', '--queue', queue, '--cache', at('cache')]
    const workers = [1, 2].map(() => {
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      createInterface(child.stdout).on('line', (line) => /scored/.test(line) && done.push(line))
      return child
    })
    try {
      // Looks at the queue as often as it can.
      const { manifest } = await scored('small', 'hundreds.jsonl', { shardSize: 2, batch: 1, queue, interval: 1 })
      await Promise.all(workers.map((worker) => kill(worker, 'SIGTERM')))
      expect({ shards: manifest.shards, runs: done.length, different: new Set(done).size }).toEqual({
        shards: 300,
        runs: 300,
        different: 300,
      })
      // Each job was asked after a few times, not at every look.
      const client = new Redis(port)
      const calls = /cmdstat_exists:calls=(\d+)/.exec(await client.info('commandstats'))?.[1]
      client.disconnect()
      expect(Number(calls)).toBeLessThan(3000)
    } finally {
      await Promise.all(workers.map((worker) => kill(worker)))
      await kill(redis)
    }
  })

  test('say if there is no worker', async () => {
    const port = await freePort()
    mkdirSync(at('redis-alone'))
    const redis = startRedis(port, at('redis-alone'))
    writeFileSync(at('few.jsonl'), '[1,2]\n')
    const args = ['score', at('scaled.onnx'), '--input', at('few.jsonl'), '--output', at('alone')]
    const child = spawn(process.execPath, [main, ...args, '--queue', `redis://127.0.0.1:${port}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    try {
      const [line] = (await once(createInterface(child.stderr), 'line')) as [string]
      expect(line).toMatch(/no worker is on the queue: start "lanewise work/)
    } finally {
      await kill(child)
      await kill(redis)
    }
  })

  test('say if Redis does not let them in, and end', async () => {
    const port = await freePort()
    mkdirSync(at('redis-locked'))
    const redis = startRedis(port, at('redis-locked'), '--requirepass', 'secret')
    try {
      for (const user of ['', ':wro@ng@']) {
        const args = [main, 'work', '--queue', `redis://${user}127.0.0.1:${port}`]
        const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
        let errors = ''
        child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
        expect(await once(child, 'exit')).toEqual([1, null])
        expect(errors).toMatch(/^error E_EXTERNAL: Redis at redis:\/\/127\.0\.0\.1:\d+ refuses \((NOAUTH|WRONGPASS)/)
      }
    } finally {
      await kill(redis)
    }
    for (const queue of ['localhost', 'http://127.0.0.1:6379', 'redis://:secret@127.0.0.1:port'])
      await refused('E_VALUE', work({ queue, cache: at('cache') }), /^(?!.*secret)the queue must be redis:/)
  }, 60_000)

  test('say if Redis is not there', async () => {
    const queue = `redis://user:secret@127.0.0.1:${await freePort()}`
    writeFileSync(at('few.jsonl'), '[1,2]\n')
    // Both wait before they give up.
    await Promise.all([
      refused(
        'E_EXTERNAL',
        work({ queue, cache: at('cache') }),
        /^Redis at redis:\/\/127\.0\.0\.1:\d+ does not answer \(connect ECONNREFUSED [\d.:]+\)$/,
      ),
      refused('E_EXTERNAL', scored('scaled', 'few.jsonl', { queue }), /does not answer/),
    ])
    // Nothing is begun that would have to be resumed.
    expect(readdirSync(folder)).not.toContain(lastOutput())
  }, 60_000)
})
