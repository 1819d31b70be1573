import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { sharedRoot } from '../support/shared-root.js'
import { lanewise, onnxruntimeWeb } from './engines.js'
import { updateExpected } from './expected.js'
import { byOp, countTable, groups, missingOps } from './report.js'
import { runSuite } from './suite.js'

const usage = `npm run conformance -- [options]
  --filter REGEX   only tests whose name matches
  --verbose        why each test that does not pass does not
  --ort            onnxruntime-web through the same runner
  --build BUILD    simd or relaxed; default: what the engine has
  --json FILE      where the results go; default, for all of Lanewise's, dist/conformance.json
  --update         rewrite tests/conformance/expected.json from this run`

const { values } = parseArgs({
  options: {
    filter: { type: 'string' },
    verbose: { type: 'boolean' },
    ort: { type: 'boolean' },
    build: { type: 'string' },
    json: { type: 'string' },
    update: { type: 'boolean' },
    help: { type: 'boolean' },
  },
})

const root = join(sharedRoot, 'onnx-tests')
if (values.help) {
  console.log(usage)
} else if (!existsSync(root)) {
  console.log(`skipped: ${root} is not there (set LANEWISE_SHARED to the folder that holds onnx-tests)`)
} else {
  const engine = values.ort
    ? await onnxruntimeWeb()
    : lanewise({ build: values.build as 'simd' | undefined, logLevel: 'error' })
  const filter = values.filter === undefined ? undefined : new RegExp(values.filter)
  const results = await runSuite(engine, {
    root,
    filter,
    onResult: ({ name, status, reason, ms }) => {
      if (values.verbose && status !== 'pass') console.log(`${status}: ${name}: ${reason}`)
      if (ms > 5000) console.log(`${name} took ${(ms / 1000).toFixed(1)} s`)
    },
  })
  console.log(`${countTable('operator', byOp(results))}\n\n${countTable(engine.name, groups(results))}`)
  const missing = missingOps(results)
  if (missing) console.log(`\nunsupported: ${missing}`)
  // A part of the tests, or another engine's, is not what others expect to find there.
  const json = values.json ?? (filter || values.ort ? undefined : 'dist/conformance.json')
  if (json) mkdirSync(dirname(json), { recursive: true })
  if (json)
    writeFileSync(
      json,
      JSON.stringify(
        { engine: engine.name, node: process.version, groups: Object.fromEntries(groups(results)), results },
        null,
        2,
      ),
    )
  if (values.update && !values.ort && !filter) updateExpected(results)
}
