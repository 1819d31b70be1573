import { existsSync, readFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'

export type Build = 'simd' | 'relaxed'

type Kernel = (...args: number[]) => number

const root = new URL('../../', import.meta.url)

const probe = new Uint8Array([
  // One function that uses i8x16.relaxed_swizzle (opcode 0x100): valid only where relaxed SIMD is.
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15,
  253, 128, 2, 11,
])

/** The builds this engine can run. */
export const builds: Build[] = WebAssembly.validate(probe) ? ['simd', 'relaxed'] : ['simd']

const modules = new Map<Build, WebAssembly.Module>()

function moduleOf(build: Build): WebAssembly.Module {
  let module = modules.get(build)
  if (!module) {
    const path = new URL(`dist/wasm/inference-${build}.wasm`, root)
    if (!existsSync(path)) {
      execFileSync(
        process.execPath,
        ['node_modules/assemblyscript/bin/asc.js', 'assembly/abi/inference.ts', '--target', `inference-${build}`],
        {
          cwd: root,
        },
      )
    }
    module = new WebAssembly.Module(readFileSync(path))
    modules.set(build, module)
  }
  return module
}

/**
 * One instance of a build with a bump allocator over its memory, for tests of bare kernels. Every block has 64 guard bytes
 * behind it, filled with a pattern that `checkGuards` looks for.
 */
export class Wasm {
  readonly kernels: Record<string, Kernel>
  private readonly memory: WebAssembly.Memory
  private readonly base: number
  private readonly guards: number[] = []
  private top: number

  constructor(build: Build, bytes = 1 << 24) {
    this.memory = new WebAssembly.Memory({ initial: bytes >> 16, maximum: 65536 })
    const instance = new WebAssembly.Instance(moduleOf(build), {
      env: {
        memory: this.memory,
        abort: () => {
          throw new Error('abort')
        },
      },
    })
    this.kernels = instance.exports as Record<string, Kernel>
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
