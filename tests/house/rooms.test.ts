import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { faultsOf } from '../../scripts/kernel-lint.js'
import { lint } from './oxlint.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

const refused = [
  ['src/core/example.ts', "import { registerOp } from '../ir/registry.js'"],
  ['src/core/example.ts', "import type { Graph } from '../ir/graph.js'"],
  ['src/ir/example.ts', "export { allOps } from '../ops/all.js'"],
  ['src/ops/conv/example.ts', "import { optimize } from '../../passes/optimize.js'"],
  ['src/ops/conv/example.ts', "import type { Step } from '../../plan/emitter.js'"],
  ['src/passes/load/example.ts', "import { specialize } from '../../plan/specialize.js'"],
  ['src/plan/example.ts', "const session = await import('../api/session.js')"],
  ['src/onnx/example.ts', "import { Tensor } from '../api/tensor.js'"],
  ['src/api/example.ts', "import { Device } from '../autograd/device.js'"],
  ['src/autograd/example.ts', "import { Linear } from '../nn/linear.js'"],
  ['src/nn/example.ts', "import { fit } from '../train/index.js'"],
  ['src/data/example.ts', "import { fit } from '../train/index.js'"],
  ['src/train/example.ts', "import { main } from '../cli/main.js'"],
  ['src/ops/conv/example.ts', "import { InferenceSession } from '../../index.js'"],
  ['src/ops/conv/example.ts', "import { gemm } from '../../../assembly/matmul/gemm.js'"],
  ['src/plan/example.ts', 'const session = await import(`../api/session.js`)'],
  ['src/plan/example.ts', 'export const load = (name: string): Promise<unknown> => import(`../api/${name}.js`)'],
  ['src/core/example.ts', "import { InferenceSession } from 'lanewise'"],
  ['src/ops/conv/example.ts', "import type { Device } from 'lanewise/train'"],
  ['src/core/example.ts', "const all = await import('lanewise/ops/all')"],
  ['src/core/example.ts', "import { closeTo } from '../../tests/support/close.js'"],
  ['src/newroom/example.ts', 'export const nothing = 1'],
  ['src/newroom/example.ts', "import { fit } from '../train/index.js'"],
  ['src/api/example.ts', "import { something } from '../newroom/thing.js'"],
  ['src/ops/newfamily/example.ts', 'export const nothing = 1'],
  ['src/ops/elementwise/example.ts', "import { emitSumTo } from '../reduce/reduce.js'"],
  ['src/ops/reduce/example.ts', "import type { Transpose } from '../movement/transpose.js'"],
  ['src/ops/matmul/example.ts', "import { transposed } from '../movement/transpose.js'"],
  ['src/ops/shared/example.ts', "import { emitBinary } from '../elementwise/arithmetic.js'"],
  ['src/ops/conv/example.ts', "import { commonOps } from '../common.js'"],
  ['bindings/example.ts', "import type { Graph } from '../src/ir/graph.js'"],
  ['src/core/example.ts', "export * as api from '../api/session.js'"],
  ['src/core/example.ts', "export type Session = typeof import('../api/session.js')"],
  // Put together, chosen, or under another type.
  ['src/core/example.ts', "const session = await import('../api/' + 'session.js')"],
  ['src/core/example.ts', "const one = await import(Math.random() < 0.5 ? '../api/session.js' : '../api/value.js')"],
  ['src/core/example.ts', "const session: unknown = await import('../api/session.js' as string)"],
  // By a name.
  ['src/core/example.ts', "const path = '../api/session.js'\nexport const session: unknown = await import(path)"],
  // By what is no import.
  ['src/core/example.ts', "export const session: unknown = need('../api/session.js')"],
  ['src/core/example.ts', "export const session = new URL('../api/session.js', import.meta.url)"],
  ['src/core/example.ts', 'export const session = import.meta.resolve(`../api/session.js`)'],
  ['src/core/example.ts', "declare module '../api/session.js' { export interface Planted { one: 1 } }\nexport {}"],
  // In another kind of file, and from a bundle.
  ['src/core/example.mts', "import '../api/session.js'"],
  ['src/core/example.tsx', "import '../api/session.js'"],
  ['src/core/example.ts', "import { InferenceSession } from '../../dist/node.js'"],
  ['src/ops/conv/example.ts', "export const all = new URL('../../../dist/ops/all-node.js', import.meta.url)"],
]

const allowed = [
  ['src/ops/conv/example.ts', "import { UNARY_RELU } from '../../../assembly/abi/codes.js'"],
  ['src/ops/conv/example.ts', "import { defineOp } from '../../ir/op.js'"],
  ['src/plan/example.ts', "import { optimize } from '../passes/optimize.js'"],
  ['src/cli/example.ts', "import { fit } from '../train/index.js'"],
  ['src/plan/example.ts', 'const optimize = await import(`../passes/optimize.js`)'],
  ['src/data/example.ts', 'export const load = (href: string): Promise<unknown> => import(href)'],
  ['src/ops/conv/example.ts', "import { emitReduce } from '../shared/emit-reduce.js'"],
  ['src/ops/conv/example.ts', "import { slideWindow } from '../pool/window.js'"],
  ['src/ops/example.ts', "import { Conv } from './conv/conv.js'"],
  ['src/platform/example.ts', "export const session = new URL('../../dist/session-worker.js', import.meta.url)"],
  ['src/platform/example.ts', "import simd from '../../dist/wasm/inference-simd.wasm'"],
  ['src/core/example.ts', "export const named = 'a model.js, ../api/session.js beside it'"],
]

/** A line is a file of its own beside the one that it is said to be in. */
const fileOf = ([file]: readonly string[], i: number) => file.replace('example', `example-${i}`)
const rows = [...refused, ...allowed]
const found = lint(Object.fromEntries(rows.map((row, i) => [fileOf(row, i), `${row[1]}\n`])))
const messages = rows.map((row, i) => found.get(fileOf(row, i))?.map(({ message }) => message))

describe('arrows between rooms', () => {
  test.each(refused.map(([file, line], i) => [file, line, messages[i]] as const))('%s: %s is refused', (...row) => {
    expect(row[2]).not.toEqual([])
    for (const message of row[2] ?? []) expect(message).toMatch(/may look at|through bindings/)
  })

  test.each(allowed.map(([file, line], i) => [file, line, messages[refused.length + i]] as const))(
    '%s: %s is allowed',
    (...row) => {
      expect(row[2]).toEqual([])
    },
  )
})

test('nothing hides from the rule: other kinds of files, or a comment that turns it off', () => {
  const files = execFileSync('git', ['ls-files', 'src', 'bindings'], { cwd: root, encoding: 'utf8' }).trim().split('\n')
  // It is posted to threads as it is, and imports nothing.
  const strangers = files.filter((file) => /\.[cm]?[jt]sx?$/.test(file) && !file.endsWith('.ts'))
  expect(strangers).toEqual(['src/platform/thread.js'])
  expect(readFileSync(join(root, strangers[0]), 'utf8')).not.toMatch(/\bimport\b[^:]|require\(/)
  const off = files
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => readFileSync(join(root, file), 'utf8').match(/\b(es|ox)lint-disable.*/g) ?? [])
  expect(off.length).toBeGreaterThan(3)
  for (const comment of off) {
    // It names rules, says why, and is for a line.
    expect(comment).toMatch(/-disable-next-line typescript\/.* -- \w/)
    expect(comment).not.toMatch(/arrows|no-non-null-assertion|no-explicit-any|ban-ts-comment/)
  }
})

describe('arrows between families of kernels', () => {
  test.each([
    ['assembly/lib/example.ts', 'import { evaluate } from "../elementwise/unary-f64";'],
    ['assembly/matmul/example.ts', 'import {\n  conv_f32,\n} from "../conv/direct";'],
    ['assembly/reduce/example.ts', 'export { softmax_f32 } from "../norm/softmax";'],
    ['assembly/lib/example.ts', 'import { gemm_f32 } from "../abi/inference";'],
    ['assembly/lib/example.ts', 'import { gemm_f32 } from\n  "../matmul/gemm";'],
    ['assembly/lib/example.ts', 'let a = 1; import { gemm_f32 } from "../matmul/gemm";'],
    ['assembly/lib/example.ts', 'import { sizeOf } from "../../src/core/shape";'],
    ['assembly/newfamily/example.ts', 'export const nothing = 1;'],
  ])('%s: %s is refused', (file, text) => {
    expect(faultsOf(file, text)).toEqual([expect.stringMatching(/may look at/)])
  })

  test.each([
    ['assembly/conv/example.ts', 'import { gemm_f32 } from "../matmul/gemm";\nimport { NR } from "../lib/tile";'],
    ['assembly/lib/example.ts', 'import { UNARY_NONE } from "../abi/codes";'],
    ['assembly/abi/example.ts', 'export { gemm_f32 } from "../matmul/gemm";'],
  ])('%s: %s is allowed', (file, text) => {
    expect(faultsOf(file, text)).toEqual([])
  })
})

/** A ring of what reads each other, or none; the first is named again at its end. */
function ringIn(next: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] {
  const done = new Set<string>()
  const from = (one: string, path: readonly string[]): readonly string[] => {
    if (path.includes(one)) return [...path.slice(path.indexOf(one)), one]
    if (done.has(one)) return []
    for (const other of next.get(one) ?? []) {
      const ring = from(other, [...path, one])
      if (ring.length > 0) return ring
    }
    done.add(one)
    return []
  }
  for (const one of next.keys()) {
    const ring = from(one, [])
    if (ring.length > 0) return ring
  }
  return []
}

/** A ring of folders that stand side by side, each of which imports from the next, or none. */
function ringOfFolders(sources: ReadonlyMap<string, string>): readonly string[] {
  const next = new Map<string, Set<string>>()
  const above = (one: string, other: string) => `${other}/`.startsWith(`${one}/`)
  for (const [file, text] of sources) {
    const folder = dirname(file)
    for (const [, path] of text.matchAll(/(?:from|import|import\() ?['`](\.[^'`]+)['`]/g)) {
      const target = dirname(join(folder, path))
      // A folder and those in it read each other: its files are what the folders have in common, and their doors.
      if (above(folder, target) || above(target, folder)) continue
      next.set(folder, (next.get(folder) ?? new Set()).add(target))
    }
  }
  return ringIn(next)
}

/**
 * A ring of files that import more than types of each other, when they are loaded, or none. Such files depend on which
 * of them is loaded first.
 */
function ringOfFiles(sources: ReadonlyMap<string, string>): readonly string[] {
  const next = new Map<string, Set<string>>()
  for (const [file, text] of sources)
    for (const [, what, path] of text.matchAll(/^(?:import|export)\b(?! type\b)([^'";]*?)\bfrom '(\.[^']+)'/gm)) {
      const names = /\{([^}]*)\}/.exec(what)?.[1].split(',') ?? []
      const onlyTypes = names.length > 0 && names.every((name) => /^\s*(type\b|$)/.test(name))
      const target = join(dirname(file), path).replace(/\.js$/, '.ts')
      if (!onlyTypes) next.set(file, (next.get(file) ?? new Set()).add(target))
    }
  return ringIn(next)
}

/** The texts of src, by their paths. */
function sourcesOfSrc(): Map<string, string> {
  const files = execFileSync('git', ['ls-files', 'src/*.ts'], { cwd: root, encoding: 'utf8' }).trim().split('\n')
  return new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]))
}

test('folders side by side form no ring', () => {
  const sources = sourcesOfSrc()
  expect(sources.size).toBeGreaterThan(300)
  expect(ringOfFolders(sources)).toEqual([])
  // One import the other way, of a type at that, makes one.
  sources.set('src/api/load/planted.ts', "import type { Prepared } from '../prepared/read.js'")
  expect(ringOfFolders(sources)).toEqual(['src/api/load', 'src/api/prepared', 'src/api/load'])
})

test('files that import more than types of each other form no ring', () => {
  const sources = sourcesOfSrc()
  expect(ringOfFiles(sources)).toEqual([])
  const planted = ['src/core/planted.ts', 'src/core/back.ts']
  sources.set(planted[0], "import {\n  type One,\n  back,\n} from './back.js'\n")
  sources.set(planted[1], "import { type Two } from './planted.js'\nimport type { Three } from './planted.js'\n")
  expect(ringOfFiles(sources)).toEqual([])
  sources.set(planted[1], "export * from './planted.js'\n")
  expect(ringOfFiles(sources)).toEqual([...planted, planted[0]])
})
