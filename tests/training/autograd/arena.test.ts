import { expect, test } from 'vitest'
import { Context } from '../../../bindings/context.js'
import { loadModule } from '../../../bindings/module.js'
import { StepArena } from '../../../src/autograd/arena.js'
import { Random } from '../../../src/core/random.js'
import { platform } from '../../../src/platform/platform.js'
import '../../../src/node.js'
import { trainWasmFile } from '../../../src/platform/train-wasm-files.js'

async function arenaOf(): Promise<{ arena: StepArena; context: Context }> {
  const module = await loadModule('simd', (build) => platform().readKernels(trainWasmFile(build)), 'train')
  const context = new Context(module)
  return { arena: new StepArena(context), context }
}

test('nothing that is handed out overlaps, whatever is given back in between, step after step', async () => {
  const { arena, context } = await arenaOf()
  const random = new Random(3)
  for (let step = 0; step < 20; step++) {
    const held: [start: number, bytes: number][] = []
    for (let i = 0; i < 400; i++) {
      if (held.length > 0 && random.integer(5) < 2) {
        const [[start, bytes]] = held.splice(random.integer(held.length), 1)
        arena.release(start, bytes)
        continue
      }
      const bytes = random.integer(2) ? random.integer(200) : random.integer(300_000)
      const start = arena.alloc(bytes)
      for (const [other, length] of held)
        expect(start + Math.max(bytes, 1) <= other || other + Math.max(length, 1) <= start).toBe(true)
      held.push([start, bytes])
    }
    arena.reset()
    expect(arena.bytes).toBeGreaterThanOrEqual(arena.peak)
  }
  expect(context.used).toBeGreaterThanOrEqual(arena.bytes)
})

test('what is given back is taken again in other sizes, and neighbours as one', async () => {
  const { arena } = await arenaOf()
  const blocks = Array.from({ length: 8 }, () => arena.alloc(1024))
  const last = arena.alloc(64)
  for (const i of [1, 3, 2, 6]) arena.release(blocks[i], 1024)
  // Three neighbours are one gap, the single one is the smallest that holds 500 bytes.
  expect(arena.alloc(500)).toBe(blocks[6])
  expect(arena.alloc(3072)).toBe(blocks[1])
  arena.release(last, 64)
  // What is left of the single one is too small for this; the end is free.
  expect(arena.alloc(640)).toBe(last)
  expect(arena.peak).toBe(8 * 1024 + 640)
})
