import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { kernelsOf } from '../../../scripts/kernels.js'

/** The families that `npm run test:kernels` was asked for; none in all other runs. */
export const families: readonly string[] = process.env.LANEWISE_FAMILIES?.split(',') ?? []

/** Those of their kernels that only training calls: every case of an operator is run for the others. */
const wanted: ReadonlySet<string> = new Set(families.flatMap((family) => kernelsOf(family, ['train'])))

/**
 * The kernels called in this process, and those called since `concerns` began: kept where files of tests that share the
 * process find the same.
 */
const calls = ((globalThis as { lanewiseCalls?: { all: Set<string>; since: Set<string> } }).lanewiseCalls ??= {
  all: new Set<string>(),
  since: new Set<string>(),
})

/** Has every instance of kernels made from now on note which of its kernels are called. */
export function noteCalls(): void {
  const Native = WebAssembly.Instance
  if (Native.name === 'NotingInstance') return
  WebAssembly.Instance = class NotingInstance extends Native {
    private noting: WebAssembly.Exports | undefined

    override get exports(): WebAssembly.Exports {
      return (this.noting ??= Object.fromEntries(
        Object.entries(super.exports).map(([name, value]) => [name, noting(name, value)]),
      ))
    }
  }
}

/** Writes into a folder what has been called in this process. */
export function writeCalls(folder: string): void {
  writeFileSync(join(folder, String(process.pid)), [...calls.all].join('\n'))
}

function noting(name: string, value: WebAssembly.ExportValue): WebAssembly.ExportValue {
  if (typeof value !== 'function') return value
  const kernel = value as (...args: unknown[]) => unknown
  return (...args: unknown[]) => {
    calls.all.add(name)
    calls.since.add(name)
    return kernel(...args)
  }
}

/**
 * What `work` returns, and whether it called a kernel of training of the families that are tested; true where all are.
 */
export async function concerns<T>(work: () => Promise<T>): Promise<[result: T, concerned: boolean]> {
  calls.since.clear()
  const result = await work()
  return [result, families.length === 0 || [...calls.since].some((name) => wanted.has(name))]
}
