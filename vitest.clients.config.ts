import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: { include: ['tests/clients/*.test.ts'], globalSetup: ['tests/support/set-up/build.ts'], pool: 'forks' },
})
