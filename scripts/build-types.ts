// Emits the type declarations of the entries into dist/types: one file each and one of what they share, so that nobody
// checks the internals.
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rollup, type Plugin } from 'rollup'
import { dts } from 'rollup-plugin-dts'

/** Types of libraries that a project may not have, and what stands for them there. */
const libraries: readonly [type: RegExp, name: string, place: string, fallback: string][] = [
  [/\bURL\b/g, 'LibraryURL', '{ URL: { prototype: infer T } }', '{ readonly href: string }'],
  [/\bAbortSignal\b/g, 'LibrarySignal', '{ AbortSignal: { prototype: infer T } }', '{ readonly aborted: boolean }'],
  [/\bWebAssembly\.Module\b/g, 'LibraryModule', '{ WebAssembly: { Module: { prototype: infer T } } }', 'object'],
]

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
rmSync('dist/types', { recursive: true, force: true })
// Inside the repository, so that the packages they import are found.
const folder = mkdtempSync('dist/types-')
try {
  execFileSync(
    process.execPath,
    ['node_modules/typescript-native/bin/tsc', '-p', 'tsconfig.types.json', '--outDir', folder],
    {
      stdio: 'inherit',
    },
  )
  // tsc takes a declaration file as an input and does not copy it.
  for (const name of ['exports', 'quantized-exports', 'train-exports'])
    copyFileSync(`bindings/${name}.d.ts`, `${folder}/bindings/${name}.d.ts`)
  const bundle = await rollup({
    input: Object.fromEntries(
      ['node', 'train', 'all-ops', 'own-ops', 'generate', 'quantize', 'serve', 'inline'].map((name) => [
        name,
        join(folder, `src/${name}.d.ts`),
      ]),
    ),
    external: /^node:/,
    plugins: [withoutLibraries(), dts()],
    onwarn: (warning) => {
      if (warning.plugin !== 'dts') console.warn(warning.message)
    },
  })
  await bundle.write({
    dir: 'dist/types',
    format: 'es',
    entryFileNames: '[name].d.ts',
    chunkFileNames: 'shared-[hash].d.ts',
  })
  writeFileSync('dist/types/train-functional.d.ts', membersOf('F', readFileSync('dist/types/train.d.ts', 'utf8')))
} finally {
  rmSync(folder, { recursive: true })
}

/**
 * Declarations of a module that has what a namespace of `lanewise/train` has. As an entry of its own it would take the
 * functions out of train.d.ts, and of what comes from another file the roll-up does not know what is a type.
 */
function membersOf(namespace: string, declarations: string): string {
  const [, inside] = new RegExp(`\\b(\\w+) as ${namespace}\\b`).exec(declarations) ?? []
  const [, body] = new RegExp(`declare namespace ${inside} \\{([^]*?)\\n\\}`).exec(declarations) ?? []
  const listed = (list: string) => [...list.matchAll(/(?:\S+ as )?(\w+)(?=\s*[,}])/g)].map(([, name]) => name)
  const [values, types] = [/export (\{[^}]*\})/, /export type (\{[^}]*\})/].map((list) =>
    listed(list.exec(body ?? '')?.[1] ?? ''),
  )
  if (values.length < 100) throw new Error(`train.d.ts has no namespace ${namespace}`)
  return [
    `import { ${namespace} } from './train.js'`,
    // By other names first: one of the functions is called `var`.
    ...values.map((name) => `declare const ${name}$: typeof ${namespace}.${name}`),
    `export { ${values.map((name) => `${name}$ as ${name}`).join(', ')} }`,
    ...types.map((name) => `export type ${name} = ${namespace}.${name}`),
    '',
  ].join('\n')
}

/**
 * Leaves out what would need a library of types that a project may not have: members named by `Symbol.dispose`
 * (`MaybeDisposable` declares them), the types of browsers and Node.
 */
function withoutLibraries(): Plugin {
  return {
    name: 'without-libraries',
    transform(code) {
      let text = code
        .replaceAll(/^ *\[Symbol\.(asyncD|d)ispose\]\(\): [^;]+;\n/gm, '')
        .replaceAll(/ implements Disposable\b/g, '')
      for (const [type, name, place, fallback] of libraries) {
        const lines = text.split('\n').map((line) => (/^ *(\/\*|\*)/.test(line) ? line : line.replaceAll(type, name)))
        if (lines.join('\n') === text) continue
        text = `${lines.join('\n')}\ntype ${name} = typeof globalThis extends ${place} ? T : ${fallback};\n`
      }
      return text
    },
  }
}
