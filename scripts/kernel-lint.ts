// What lint asks of assembly/, which no linter and no formatter reads: lines of at most 120 columns (oxfmt would put
// every argument on a line of its own), arrows between families as oxlint.rooms.js has them, and nothing that nobody
// uses, as knip asks of the rest.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { misplaced, refusal } from '../oxlint.rooms.js'

const MOST = 120

/** What is wrong with a file of kernels, a line each. */
export function faultsOf(file: string, text: string): string[] {
  const faults: string[] = []
  const wrong = misplaced(file)
  if (wrong !== undefined) faults.push(`${file}: ${wrong}`)
  text.split('\n').forEach((line, i) => {
    if (line.length > MOST) faults.push(`${file}:${i + 1} is ${line.length} columns wide, more than ${MOST}`)
  })
  for (const { 1: path, index } of text.matchAll(/\b(?:from|import)\s*["'](\.[^"']*)["']/g)) {
    const message = refusal(file, join(dirname(file), path))
    if (message !== undefined) faults.push(`${file}:${text.slice(0, index).split('\n').length}: ${message}`)
  }
  return faults
}

/** Names of a list in braces, as they are called where they come from and here. */
function namesIn(list: string): { readonly there: string; readonly here: string }[] {
  return list
    .split(',')
    .map((name) => name.trim().split(/\s+as\s+/))
    .filter(([name]) => name !== '')
    .map(([there, here = there]) => ({ there, here }))
}

/** What is imported and not used, and what is exported and imported by no other file; lists of abi/ are for others. */
export function deadIn(files: ReadonlyMap<string, string>): string[] {
  const dead: string[] = []
  const taken = new Set<string>()
  for (const [file, text] of files) {
    const code = text.replace(/\/\/.*|\/\*[^]*?\*\//g, '')
    for (const { 0: whole, 1: list, 2: path } of text.matchAll(
      /\b(?:import|export) *\{([^}]*)\} *from\s*"(\.[^"]*)"/g,
    )) {
      for (const { there, here } of namesIn(list)) {
        taken.add(`${join(dirname(file), path)}.ts ${there}`)
        const uses = code.match(new RegExp(`\\b${here}\\b`, 'g'))?.length ?? 0
        if (whole.startsWith('import') && uses < 2) dead.push(`${file}: ${here} is imported and not used`)
      }
    }
  }
  for (const [file, text] of files) {
    if (file.startsWith(join('assembly', 'abi'))) continue
    for (const [, name] of text.matchAll(/\bexport (?:function|class|const|let|enum) (\w+)/g)) {
      if (taken.has(`${file} ${name}`)) continue
      // Templates export all of their functions, those too that only their neighbours call.
      const helps = file.startsWith(join('assembly', 'generated')) && text.split(`${name}(`).length > 2
      if (!helps) dead.push(`${file}: ${name} is exported and imported by nobody`)
    }
  }
  return dead
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const files = new Map(
    readdirSync(join(root, 'assembly'), { recursive: true, encoding: 'utf8' })
      .map((name) => join('assembly', name))
      .filter((file) => file.endsWith('.ts'))
      .map((file) => [file, readFileSync(join(root, file), 'utf8')]),
  )
  const faults = [...Array.from(files, ([file, text]) => faultsOf(file, text)).flat(), ...deadIn(files)]
  faults.forEach((fault) => console.error(fault))
  if (faults.length > 0) process.exitCode = 1
}
