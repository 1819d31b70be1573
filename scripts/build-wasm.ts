// Compiles assembly/ into dist/wasm and keeps, of the bindings that asc generates, only the types. Arguments name
// targets of asconfig.json; without any, all are built whose sources have changed. `--force` builds them anyway.
import { compile, staleTargets, targets, type Target } from './kernels.js'

const names = process.argv.slice(2).filter((argument) => argument !== '--force')
const unknown = names.filter((name) => !(targets as readonly string[]).includes(name))
if (unknown.length > 0) throw new Error(`unknown target ${unknown.join(', ')}; there are ${targets.join(', ')}`)
const chosen = names.length > 0 ? (names as Target[]) : targets
await compile(process.argv.includes('--force') ? chosen : staleTargets(chosen))
