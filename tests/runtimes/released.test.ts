import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { exportModel, GraphBuilder, Tensor } from '../../src/node.js'
import { root } from '../support/package.js'

/** MiB of weights. */
const WEIGHTS = 64

/**
 * Prints the MiB of memory that the process has: at first, and while a session lives and after it was released, three
 * times.
 */
const program = (model: string) => `
import { InferenceSession, Tensor } from ${JSON.stringify(pathToFileURL(join(root, 'dist/node.js')).href)}
const memory = []
async function measure() {
  for (let i = 0; i < 5; i++) {
    gc()
    await new Promise((done) => setTimeout(done, 20))
  }
  memory.push(process.memoryUsage.rss() / 2 ** 20)
}
async function turn() {
  const session = await InferenceSession.create(${JSON.stringify(model)}, { threads: 1 })
  await session.run({ x: new Tensor('float32', new Float32Array(4096), [1, 4096]) })
  await measure()
  await session.release()
}
await measure()
for (let i = 0; i < 3; i++) {
  await turn()
  await measure()
}
console.log(JSON.stringify(memory))
`

test('a released session gives its memory back to the system', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lanewise-released-'))
  try {
    const size = 4096
    const g = new GraphBuilder('large')
    const w = g.constant('w', new Tensor('float32', new Float32Array(size * size).fill(0.001), [size, size]))
    g.output(g.op('MatMul', [g.input('x', 'float32', [1, size]), w]), 'y')
    writeFileSync(join(folder, 'large.onnx'), exportModel(g.graph()))
    writeFileSync(join(folder, 'main.mjs'), program(join(folder, 'large.onnx')))
    const said = execFileSync(process.execPath, ['--expose-gc', join(folder, 'main.mjs')], { encoding: 'utf8' })
    const [first, ...later] = JSON.parse(said) as number[]
    const [living, released] = [0, 1].map((odd) => later.filter((_, i) => i % 2 === odd))
    expect(released).toHaveLength(3)
    for (const memory of living) expect(memory - first).toBeGreaterThan(WEIGHTS)
    // What stays is code.
    for (const memory of released) expect(memory - first).toBeLessThan(WEIGHTS / 2)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}, 60_000)
