import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** What examples import is the source here; tests/docs runs them from the packed package. */
const entries = {
  lanewise: 'node',
  'lanewise/ops': 'own-ops',
  'lanewise/generate': 'generate',
  'lanewise/serve': 'serve',
  'lanewise/train': 'train',
}

export default defineConfig({
  resolve: {
    alias: Object.entries(entries).map(([name, file]) => ({
      find: new RegExp(`^${name}$`),
      replacement: new URL(`src/${file}.ts`, import.meta.url).pathname,
    })),
  },
  test: {
    include: ['tests/**/*.test.ts'],
    // They install packages: `npm run test:clients`.
    exclude: ['**/node_modules/**', 'tests/clients/**'],
    globalSetup: ['tests/support/build.ts'],
    testTimeout: 60_000,
    pool: 'forks',
    // Vitest leaves one core idle by default, which on two cores is half of the machine.
    maxWorkers: availableParallelism(),
  },
})
