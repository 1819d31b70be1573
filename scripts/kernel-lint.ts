// What lint asks of assembly/, which no linter and no formatter reads: lines of at most 120 columns (oxfmt would put
// every argument on a line of its own), and arrows between families as oxlint.rooms.js has them.
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

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const faults = readdirSync(join(root, 'assembly'), { recursive: true, encoding: 'utf8' })
    .map((name) => join('assembly', name))
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => faultsOf(file, readFileSync(join(root, file), 'utf8')))
  faults.forEach((fault) => console.error(fault))
  if (faults.length > 0) process.exitCode = 1
}
