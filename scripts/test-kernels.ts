// The tests of bare kernels after one target has been compiled: `npm run test:kernels -- conv` answers within seconds of a change in assembly/conv.
// Arguments are families (folders of tests/kernels), or anything else that Vitest takes.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const chosen = process.argv
  .slice(2)
  .map((name) => (existsSync(`tests/kernels/${name}`) ? `tests/kernels/${name}/` : name))
const filters = chosen.some((argument) => argument.startsWith('tests/')) ? chosen : ['tests/kernels/', ...chosen]
const { status } = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...filters], {
  stdio: 'inherit',
  env: { ...process.env, LANEWISE_KERNELS: 'simd' },
})
process.exitCode = status ?? 1
