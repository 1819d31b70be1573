// Before each file of tests of bare kernels: a test that fails says how to run it alone, whatever assertion failed.
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach } from 'vitest'
import { commandFor } from '../failure.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))

beforeEach(({ task, onTestFailed }) => {
  onTestFailed(() => {
    for (const error of task.result?.errors ?? []) {
      if (error.message.includes('again: ')) continue
      const command = commandFor(relative(root, task.file.filepath), task.fullTestName.replaceAll(' > ', ' '))
      error.message += `\n  again: ${command}`
    }
  })
})
