#!/usr/bin/env node
// The program `lanewise`.
import * as modules from 'node:module'

// What V8 has compiled is kept for the next time. Node 20 does not know that.
const { enableCompileCache } = modules as { readonly enableCompileCache?: () => unknown }
enableCompileCache?.()
await import('./cli/main.js')
