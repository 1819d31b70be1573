// Which compiled kernels are out of date, and compiling them: what `npm run build:wasm` and the tests both use.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parametersModule, parametersOf, typeAddresses } from './kernel-types.js'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The targets of asconfig.json that a package needs, the debug build for source-level profiles among them. */
export const targets = [
  'inference-simd',
  'inference-relaxed',
  'quantized-simd',
  'quantized-relaxed',
  'train-simd',
  'train-relaxed',
  'inference-simd-threads',
  'inference-relaxed-threads',
  'train-simd-threads',
  'train-relaxed-threads',
  'inference-debug',
] as const

/** What `npm run test:kernels` compiles: hardly optimised, in half the time. */
export const quickTarget = 'train-quick'

export type Target = (typeof targets)[number] | typeof quickTarget

/** Targets whose generated bindings are kept as the types of the kernels, and under which name. */
const typed: Partial<Record<Target, string>> = {
  'inference-simd': 'exports',
  'quantized-simd': 'quantized-exports',
  'train-simd': 'train-exports',
}

/** Targets that travel in the JavaScript of the operators that need them, and the module that holds them. */
const embedded: readonly Target[] = ['quantized-simd', 'quantized-relaxed']
const embedding = join(root, 'bindings/quantized-wasm.ts')

/** What debug builds are compiled with besides. */
const assertSignatures = 'scripts/assert-signatures.js'
const isDebug = (target: Target): boolean => target.endsWith('-debug')

/** What builds with threads are compiled with besides: a transform, and what that reads. */
const dispatch = ['scripts/dispatch.js', 'scripts/ranges.js']
const hasThreads = (target: Target): boolean => target.endsWith('-threads')

/** The list of exports that a target compiles. */
function entryOf(target: Target): string {
  return join(root, `assembly/abi/${target.split('-')[0]}${hasThreads(target) ? '-threads' : ''}.ts`)
}

/** A source and everything it imports. */
function sourcesOf(entry: string): string[] {
  const found = new Set<string>()
  const visit = (path: string): void => {
    if (found.has(path)) return
    found.add(path)
    for (const [, name] of readFileSync(path, 'utf8').matchAll(/from "(\.[^"]+)"/g)) {
      visit(join(dirname(path), `${name}.ts`))
    }
  }
  visit(entry)
  return [...found].sort()
}

/** The folders of assembly/ that hold kernels, or what kernels are made of: all but the lists of exports. */
export const families: readonly string[] = readdirSync(join(root, 'assembly'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'abi')
  .map(({ name }) => name)
  .sort()

/**
 * The families that a change in a folder of assembly/ is seen in: itself, or those that import what stands there for
 * others.
 */
export function familiesOf(folder: string): string[] {
  if (folder !== 'lib' && folder !== 'generated') return [folder]
  const imports = (family: string) =>
    readdirSync(join(root, 'assembly', family)).some(
      (file) =>
        file.endsWith('.ts') && readFileSync(join(root, 'assembly', family, file), 'utf8').includes(`"../${folder}/`),
    )
  return families.filter((family) => family === folder || imports(family))
}

/**
 * The exported kernels of a family.
 *
 * @param lists - the lists of exports of assembly/abi to look in: `train` has those alone that no inference calls.
 */
export function kernelsOf(family: string, lists: readonly string[] = ['inference', 'train', 'quantized']): string[] {
  return lists.flatMap((list) =>
    [...readFileSync(join(root, `assembly/abi/${list}.ts`), 'utf8').matchAll(/export \{([^}]*)\} from "\.\.\/(\w+)\//g)]
      .filter(([, , folder]) => folder === family)
      .flatMap(([, names]) => names.split(',').map((name) => name.trim()))
      .filter((name) => name !== ''),
  )
}

/**
 * Changes with any source that a target is compiled from, with its options, the compiler and how its declarations are
 * written.
 */
function fingerprint(target: Target): string {
  const hash = createHash('sha256')
  for (const path of [
    ...sourcesOf(entryOf(target)),
    join(root, 'asconfig.json'),
    join(root, 'scripts/kernel-types.ts'),
    join(root, 'scripts/kernels.ts'),
    ...(isDebug(target) ? [join(root, assertSignatures)] : []),
    ...(hasThreads(target) ? dispatch.map((path) => join(root, path)) : []),
    join(root, 'node_modules/assemblyscript/package.json'),
  ]) {
    hash.update(relative(root, path)).update('\0').update(readFileSync(path)).update('\0')
  }
  return hash.digest('hex')
}

const outputOf = (target: Target): string => join(root, `dist/wasm/${target}.wasm`)
const recordOf = (target: Target): string => join(root, `dist/wasm/${target}.sources`)

/** The targets whose wasm is missing or was compiled from other sources than there are now. */
export function staleTargets(among: readonly Target[] = targets): Target[] {
  return among.filter((target) => {
    const name = typed[target]
    if (!existsSync(outputOf(target)) || !existsSync(recordOf(target))) return true
    if (name && !existsSync(join(root, `bindings/${name}.d.ts`))) return true
    if (embedded.includes(target) && !existsSync(embedding)) return true
    return readFileSync(recordOf(target), 'utf8') !== fingerprint(target)
  })
}

/** Compiles targets into dist/wasm, as many at a time as there are cores. @throws with the compiler's messages. */
export async function compile(among: readonly Target[]): Promise<void> {
  mkdirSync(join(root, 'dist/wasm'), { recursive: true })
  const waiting = [...among]
  const worker = async (): Promise<void> => {
    for (let target = waiting.shift(); target; target = waiting.shift()) await compileOne(target)
  }
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), among.length) }, worker))
}

/** Writes down what kernels take, once the declarations of both sets are there. */
function writeParameters(): void {
  const files = Object.values(typed).map((name) => join(root, `bindings/${name}.d.ts`))
  if (!files.every((file) => existsSync(file))) return
  const [inference, quantized, training] = files.map((file) => parametersOf(readFileSync(file, 'utf8')))
  const running = [...inference, ...quantized].sort()
  writeFileSync(join(root, 'bindings/parameters.ts'), parametersModule(running, training))
}

/**
 * Writes the embedded kernels as text, once all of them are there. They work in another build's memory, where data of
 * their own would lie upon its.
 */
function embed(): void {
  if (!embedded.every((target) => existsSync(outputOf(target)))) return
  const lines = embedded.map((target) => {
    const bytes = readFileSync(outputOf(target))
    if (hasData(bytes)) throw new Error(`the kernels of ${target} must not have data of their own`)
    return `export const ${target.split('-')[1]} = '${bytes.toString('base64')}'\n`
  })
  writeFileSync(
    embedding,
    `// Written by npm run build:wasm: assembly/abi/quantized.ts, compiled, as base64.\n${lines.join('')}`,
  )
}

/** Whether a module has a data section that is not empty. */
function hasData(bytes: Uint8Array): boolean {
  for (let at = 8; at < bytes.length;) {
    const id = bytes[at++]
    let size = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]
      size |= (byte & 127) << shift
      if (byte < 128) break
    }
    if (id === 11 && bytes[at] > 0) return true
    at += size
  }
  return false
}

/** The name of the custom section that says which kernels a module holds: src/api/prepared/kernels-id.ts reads it. */
const SECTION = 'lanewise'

/**
 * What all inference builds of the same sources have in common: forms of weights that one has packed, another can read.
 */
function kernelsId(): string {
  const hash = createHash('sha256')
  const entries = ['inference', 'quantized'].flatMap((name) => sourcesOf(join(root, `assembly/abi/${name}.ts`)))
  for (const path of [...new Set(entries), join(root, 'asconfig.json')]) hash.update(readFileSync(path)).update('\0')
  return hash.digest('hex').slice(0, 16)
}

/**
 * Writes into a module which kernels it holds. Names and numbers here are shorter than 128 bytes: their lengths are
 * bytes.
 */
function sign(target: Target): void {
  const name = Buffer.from(SECTION)
  const content = Buffer.concat([Buffer.of(name.length), name, Buffer.from(kernelsId())])
  writeFileSync(
    outputOf(target),
    Buffer.concat([readFileSync(outputOf(target)), Buffer.of(0, content.length), content]),
  )
}

async function compileOne(target: Target): Promise<void> {
  const sources = fingerprint(target)
  rmSync(recordOf(target), { force: true })
  const args = ['node_modules/assemblyscript/bin/asc.js', relative(root, entryOf(target)), '--target', target]
  if (isDebug(target)) args.push('--transform', `./${assertSignatures}`)
  if (hasThreads(target)) args.push('--transform', `./${dispatch[0]}`)
  try {
    await promisify(execFile)(process.execPath, args, { cwd: root, maxBuffer: 1 << 26 })
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`the kernels of ${target} do not compile:\n${stdout}${stderr}`, { cause: error })
  }
  sign(target)
  const types = join(root, `dist/wasm/${target}.d.ts`)
  const name = typed[target]
  if (name) writeFileSync(join(root, `bindings/${name}.d.ts`), typeAddresses(readFileSync(types, 'utf8')))
  if (name) writeParameters()
  if (embedded.includes(target)) embed()
  rmSync(types, { force: true })
  rmSync(join(root, `dist/wasm/${target}.js`), { force: true })
  writeFileSync(recordOf(target), sources)
}
