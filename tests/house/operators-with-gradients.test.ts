import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import * as operators from '../../src/autograd/operators.js'
import { gradientOf } from '../../src/ir/gradient.js'
import type { OpDefinition } from '../../src/ir/op.js'
import { gradients } from '../../src/ops/gradients.js'
import { root } from '../support/package.js'

// An app in a page knows the gradients of those operators only that come from autograd/operators.ts: Node, which knows
// all, would not miss one.
const rooms = ['autograd', 'nn', 'optim', 'data', 'text', 'train']

test('whatever applies an operator that has a gradient takes it with the gradient', () => {
  const withGradient = new Set(gradients.map(({ op }) => op.name))
  const found: string[] = []
  for (const room of rooms)
    for (const name of readdirSync(join(root, 'src', room), { recursive: true, encoding: 'utf8' })) {
      const file = join('src', room, name)
      if (!name.endsWith('.ts') || name === 'operators.ts') continue
      const source = readFileSync(join(root, file), 'utf8')
      for (const [, names, from] of source.matchAll(/import \{([^}]*)\} from '((?:\.\.\/)+ops\/[^']+)'/g))
        for (const imported of names.split(',').map((text) => text.trim().split(' as ')[0]))
          if (withGradient.has(imported)) found.push(`${file}: ${imported} of ${from}`)
    }
  expect(found).toEqual([])
})

/** Operators of ONNX under the names of functions that want another gradient at corners. */
const byFunction: Readonly<Record<string, string>> = { Hardtanh: 'Clip' }

test('each operator there is the one of its name, with its gradient', () => {
  const known = new Set<unknown>(gradients.map(({ op }) => op))
  for (const [name, op] of Object.entries<OpDefinition>(operators)) {
    expect(known.has(op), name).toBe(true)
    if (!op.domain) expect(op.name).toBe(byFunction[name] ?? name)
    expect(gradientOf(op)?.op).toBe(op)
  }
})
