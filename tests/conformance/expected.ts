import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { TestResult } from './suite.js'

/** What is known not to pass: a test that is not listed has to. */
export interface Expected {
  /** Tests that fail, by name, each with the reason. */
  readonly failures: Readonly<Record<string, string>>
  /** Operators that are not implemented, or not for everything that their tests ask for. */
  readonly unsupported: readonly string[]
}

const file = fileURLToPath(new URL('./expected.json', import.meta.url))

export function readExpected(): Expected {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Expected) : { failures: {}, unsupported: [] }
}

/**
 * Writes the list that these results ask for. Reasons that are given already are kept; the others are for a person to
 * write.
 */
export function updateExpected(results: readonly TestResult[]): void {
  const old = readExpected()
  const failed = results.filter(({ status }) => status === 'fail')
  const unsupported = results.filter(({ status }) => status === 'unsupported').map(({ op }) => op)
  const updated: Expected = {
    failures: Object.fromEntries(failed.map(({ name }) => [name, old.failures[name] ?? ''])),
    unsupported: [...new Set(unsupported)].sort(),
  }
  writeFileSync(file, JSON.stringify(updated, null, 2) + '\n')
}

/**
 * Everything in which the results differ from the list, in words; an operator that is no longer unsupported is no
 * surprise.
 */
export function surprises(results: readonly TestResult[], expected: Expected): string[] {
  const unsupported = new Set(expected.unsupported)
  return results.flatMap(({ name, op, status, reason }) => {
    if (status === 'fail' && expected.failures[name] === undefined) return [`${name} fails: ${reason}`]
    if (status === 'unsupported' && !unsupported.has(op)) return [`${name} is unsupported: ${reason}`]
    if (status === 'pass' && expected.failures[name] !== undefined) return [`${name} is listed as failing but passes`]
    return []
  })
}
