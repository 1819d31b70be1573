import { instantiateSync } from '@assemblyscript/loader'
import { readFileSync } from 'node:fs'
import { Context } from '../../bindings/context.js'
import { attachThreads } from '../../src/platform/threads.js'
import * as nodeThreads from '../../src/platform/node-threads.js'
import { quickTarget } from '../../scripts/kernels.js'
import { supportsRelaxedSimd, type Build } from '../../bindings/module.js'

export type { Build }

type Compiled = Build | 'debug' | `${Build}-threads`

const modules = new Map<string, WebAssembly.Module>()

/** The compiled module of a build; support/set-up/build.ts has seen to it that it is that of the sources. */
export function moduleOf(build: Compiled, set = 'inference'): WebAssembly.Module {
  // `npm run test:kernels` compiles one target, which holds the kernels of training and of inference.
  const name = process.env.LANEWISE_KERNELS && set !== 'quantized' ? quickTarget : `${set}-${build}`
  let module = modules.get(name)
  if (!module) {
    module = new WebAssembly.Module(readFileSync(new URL(`../../dist/wasm/${name}.wasm`, import.meta.url)))
    modules.set(name, module)
  }
  return module
}

/** NaN as any float type, far from 0 as any integer: what is read without having been written shows in a result. */
const CANARY = 0x7ff87ff8
/**
 * Canaries cost time: so many bytes of a block get them, and so many after the last block, for what is read past its
 * end.
 */
const POISONED_BYTES = 1 << 20
const POISONED_AFTER = 1 << 12

/** A context whose blocks are full of canaries when they are handed out, as if another model had been there before. */
class PoisonedContext extends Context {
  private end = 0

  /** As if it were fresh. */
  begin(): void {
    this.end = 0
  }

  override alloc(bytes: number): ReturnType<Context['alloc']> {
    const address = super.alloc(bytes)
    const { byteLength } = this.memory.buffer
    let end = Math.min(address + Math.min(bytes, POISONED_BYTES), byteLength)
    if (address + bytes >= this.end) {
      this.end = address + bytes
      if (bytes <= POISONED_BYTES) end = Math.min(end + POISONED_AFTER, byteLength)
    }
    new Uint32Array(this.memory.buffer, address, (end - address) >> 2).fill(CANARY)
    return address
  }
}

/** Contexts that nobody uses, by their build: an instance of the kernels takes longer than most nodes. */
const idle = new Map<Build, PoisonedContext[]>()

/**
 * A context in which an earlier test has worked and that has given back all that it took, or a fresh one. Who is done
 * with it hands it on with {@link keepContext}, unless something went wrong.
 */
export function borrowContext(build: Build = 'simd'): Context {
  return idle.get(build)?.pop() ?? new PoisonedContext(moduleOf(build))
}

/** @throws Error if not everything in it was given back. */
export function keepContext(context: Context): void {
  if (context.used !== 0) throw new Error(`${context.used} bytes were not given back`)
  if (!(context instanceof PoisonedContext)) return
  context.begin()
  const others = idle.get(context.build)
  if (others) others.push(context)
  else idle.set(context.build, [context])
}

/** A fresh context over a build of the kernels, with canaries in every block. */
export function makeContext(build: Build = 'simd', limit?: number, threads = 1): Context {
  if (threads < 2) return new PoisonedContext(moduleOf(build), limit)
  const module = moduleOf(`${build}-threads`)
  const context = new PoisonedContext(module, limit, true)
  attachThreads(context, module, threads, nodeThreads)
  return context
}

/**
 * The builds to test: those this engine can run and that support/set-up/build.ts has compiled. LANEWISE_BUILDS=relaxed
 * leaves only that one, for a second run of the same tests on a newer engine.
 */
export const builds: readonly Build[] = chosenBuilds()

function chosenBuilds(): readonly Build[] {
  if (process.env.LANEWISE_KERNELS) return ['simd']
  if (process.env.LANEWISE_BUILDS === 'relaxed') {
    if (!supportsRelaxedSimd())
      throw new Error('LANEWISE_BUILDS=relaxed needs an engine with relaxed SIMD, such as Node 22')
    return ['relaxed']
  }
  return supportsRelaxedSimd() ? ['simd', 'relaxed'] : ['simd']
}

type Kernel = (...args: number[]) => number

/**
 * One instance of a build with a bump allocator over its memory, for tests of bare kernels. Every block has 64 guard
 * bytes after it, filled with a pattern that `checkGuards` looks for.
 */
export class Wasm {
  readonly kernels: Record<string, Kernel>
  private readonly memory: WebAssembly.Memory
  private readonly base: number
  private readonly guards: number[] = []
  private top: number

  constructor(build: Build | 'debug', bytes = 1 << 24, set: 'inference' | 'train' = 'inference') {
    this.memory = new WebAssembly.Memory({ initial: bytes >> 16, maximum: 65536 })
    // The loader's `abort` says which assertion failed and where: the debug build has some.
    const imports = { env: { memory: this.memory } }
    this.kernels = instantiateSync<Record<string, Kernel>>(moduleOf(build, set), imports).exports
    if (build !== 'debug') {
      const quantized = new WebAssembly.Instance(moduleOf(build, 'quantized'), imports).exports
      this.kernels = { ...this.kernels, ...(quantized as Record<string, Kernel>) }
    }
    this.base = (this.kernels.heap_base() + 63) & ~63
    this.top = this.base
  }

  /** Forgets every allocation. */
  reset(): void {
    this.top = this.base
    this.guards.length = 0
  }

  alloc(bytes: number): number {
    const at = this.top
    const end = at + bytes
    this.top = (end + 64 + 15) & ~15
    if (this.top > this.memory.buffer.byteLength)
      this.memory.grow((this.top - this.memory.buffer.byteLength + 65535) >> 16)
    new Uint8Array(this.memory.buffer, end, 64).fill(0xa5)
    this.guards.push(end)
    return at
  }

  f32(values: ArrayLike<number>): number {
    const at = this.alloc(values.length * 4)
    this.viewF32(at, values.length).set(values)
    return at
  }

  i32(values: ArrayLike<number>): number {
    const at = this.alloc(values.length * 4)
    this.viewI32(at, values.length).set(values)
    return at
  }

  i64(values: ArrayLike<bigint>): number {
    const at = this.alloc(values.length * 8)
    this.viewI64(at, values.length).set(values)
    return at
  }

  u8(values: ArrayLike<number>): number {
    const at = this.alloc(values.length)
    this.viewU8(at, values.length).set(values)
    return at
  }

  viewF32(at: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, at, length)
  }

  viewI32(at: number, length: number): Int32Array {
    return new Int32Array(this.memory.buffer, at, length)
  }

  viewI64(at: number, length: number): BigInt64Array {
    return new BigInt64Array(this.memory.buffer, at, length)
  }

  viewU8(at: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, at, length)
  }

  viewU16(at: number, length: number): Uint16Array {
    return new Uint16Array(this.memory.buffer, at, length)
  }

  viewF64(at: number, length: number): Float64Array {
    return new Float64Array(this.memory.buffer, at, length)
  }

  /** The addresses of blocks whose guard bytes were overwritten. */
  overruns(): number[] {
    return this.guards.filter((at) => new Uint8Array(this.memory.buffer, at, 64).some((byte) => byte !== 0xa5))
  }
}
