import { readFileSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { cutting } from '../../../bindings/threads.js'
import { rawBytes, type HostTensor } from '../../../src/core/host.js'
import { InferenceSession } from '../../../src/node.js'
import { publishValue } from '../../../src/api/value.js'
import { toHost } from '../../../src/api/tensor.js'
import { readModel } from '../../../src/onnx/wire.js'
import { started } from '../../../src/platform/threads.js'
import { findModels, randomFeeds, referenceRuns } from '../../support/models.js'
import { skipUnlessShared } from '../../support/shared.js'

afterEach(() => void Object.assign(cutting, { pauses: undefined }))

function bits(name: string, tensor: Parameters<typeof toHost>[0]): string {
  const { data } = toHost(tensor, name)
  return Array.isArray(data) ? data.join() : Buffer.from(rawBytes(data)).toString('base64')
}

skipUnlessShared('real models with threads', ['models'], (root) => {
  test.each(findModels(root).map((model) => [model.name, model] as const))(
    '%s: the same bits for 1, 2, 3 and 8 threads',
    async (_, model) => {
      const bytes = readFileSync(model.path)
      const given: ReadonlyMap<string, HostTensor> = referenceRuns(model)[0]?.inputs ?? randomFeeds(readModel(bytes), 7)
      const feeds = Object.fromEntries(Array.from(given, ([name, value]) => [name, publishValue(value)]))
      let expected: readonly string[] | undefined
      for (const threads of [1, 2, 3, 8]) {
        cutting.pauses = threads === 3 ? 200 : undefined
        await using session = await InferenceSession.create(bytes, { threads, logLevel: 'error' })
        for (const end = Date.now() + 10_000; started() < threads - 1 && Date.now() < end;)
          await new Promise((resolve) => setTimeout(resolve, 5))
        for (let run = 0; run < 2; run++) {
          const results = await session.run(feeds)
          const said = session.outputNames.map((name) => bits(name, results[name]))
          expected ??= said
          expect(said.map((one, i) => one === expected?.[i])).toEqual(said.map(() => true))
        }
      }
    },
  )
})
