// Before each file of tests: as many processes of tests run as there are cores, so that several threads in each would
// wait for each other. What threads do is tested in tests/api/threads, which asks for them, and with the packed
// library, which has its defaults.
import { env } from '../../../src/core/env.js'

env.wasm.numThreads = 1
