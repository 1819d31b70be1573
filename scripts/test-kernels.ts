// After a change in assembly/: compiles one target and runs what calls the kernels of a family,
// `npm run test:kernels -- conv`. Arguments are folders of assembly/, all of them by default; from a dash on they are
// Vitest's. Fails as well if no test has called one of the family's kernels.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { families, familiesOf, kernelsOf, quickTarget } from './kernels.js'

/** What calls kernels that neither tests of bare kernels nor case tables call. */
const besides: Readonly<Record<string, readonly string[]>> = {
  attention: ['tests/training/autograd/attention.test.ts'],
  conv: ['tests/training/autograd/conv.test.ts', 'tests/training/autograd/split.test.ts'],
  ml: ['tests/ops/ml/trees.test.ts'],
  quantize: ['tests/ops/quantize/qlinear.test.ts'],
  random: ['tests/ops/random/random-ops.test.ts'],
  rnn: ['tests/training/autograd/attention-lstm.test.ts'],
}

/** Of these no gradient of an operator is made: what training calls of them are optimisers, seeds and measures. */
const noGradients = ['lib', 'loss', 'random']

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const given = process.argv.slice(2)
const dash = given.findIndex((argument) => argument.startsWith('-'))
const [folders, options] = dash < 0 ? [given, []] : [given.slice(0, dash), given.slice(dash)]
const unknown = folders.filter((name) => !families.includes(name))
if (unknown.length > 0) {
  console.error(`no folder of assembly/ is named ${unknown.join(', ')}; there are ${families.join(', ')}`)
  process.exit(1)
}
process.exitCode = run([...new Set((folders.length > 0 ? folders : families).flatMap(familiesOf))])

function run(chosen: readonly string[]): number {
  const tests = [
    ...chosen.map((family) => `tests/kernels/${family}/`).filter((folder) => existsSync(folder)),
    ...chosen.flatMap((family) => besides[family] ?? []),
    'tests/ops/ops.test.ts',
    'tests/ops/memory-orders.test.ts',
    ...(chosen.some((family) => !noGradients.includes(family) && kernelsOf(family, ['train']).length > 0)
      ? ['tests/ops/gradients.test.ts']
      : []),
  ]
  // What operators import holds both builds, or is not written.
  const quantized = !existsSync('bindings/quantized-wasm.ts')
    ? ['quantized-simd', 'quantized-relaxed']
    : chosen.some((family) => kernelsOf(family, ['quantized']).length > 0)
      ? ['quantized-simd']
      : []
  const targets = [quickTarget, ...quantized]
  const folder = mkdtempSync(join(tmpdir(), 'lanewise-called-'))
  try {
    const { status } = spawnSync(
      process.execPath,
      ['node_modules/vitest/vitest.mjs', 'run', '--maxWorkers=2', ...tests, ...options],
      {
        stdio: 'inherit',
        env: {
          ...process.env,
          LANEWISE_KERNELS: targets.join(),
          LANEWISE_FAMILIES: chosen.join(),
          LANEWISE_CALLED: folder,
        },
      },
    )
    // Options may leave tests out.
    if (status !== 0 || options.length > 0) return status ?? 1
    const called = new Set(readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n')))
    const never = chosen.flatMap((family) => kernelsOf(family)).filter((name) => !called.has(name))
    if (never.length > 0) console.error(`no test called ${never.join(', ')}`)
    return Number(never.length > 0)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
