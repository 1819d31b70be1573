// Every operator: what Node registers, and what importing "lanewise/ops/all" adds elsewhere.
import { commonOps } from './common.js'

export const allOps: readonly unknown[] = [...commonOps]
