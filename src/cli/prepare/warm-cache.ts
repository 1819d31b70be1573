import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { basename, extname, resolve } from 'node:path'
import { LanewiseError } from '../../core/errors.js'
import { bytesText } from '../../core/table.js'
import { writeAtomically } from '../../platform/node-files.js'
import { textFlag, UsageError, type Command } from '../command.js'

/**
 * How a bundle is compiled as CommonJS is, with what V8 kept of it. The file of that is: the length of the source in 4
 * bytes, the source (V8 itself looks at its length alone, and a bundle may have been built anew), the cache.
 */
const compile = `const { readFileSync } = require('node:fs')
const { createRequire, wrap } = require('node:module')
const { dirname } = require('node:path')
const { Script } = require('node:vm')

/** What V8 has kept of this source; undefined if there is nothing. */
function kept(file, source) {
  try {
    const bytes = readFileSync(file + '.cache')
    const end = 4 + bytes.readUInt32LE(0)
    if (source.equals(bytes.subarray(4, end))) return bytes.subarray(end)
  } catch {}
}

function load(file) {
  const source = readFileSync(file)
  const script = new Script(wrap(source.toString()), {
    filename: file,
    cachedData: kept(file, source),
  })
  const loaded = { exports: {}, filename: file, id: file, loaded: false, children: [], paths: module.paths, require }
  script.runInThisContext().call(loaded.exports, loaded.exports, createRequire(file), loaded, file, dirname(file))
  loaded.loaded = true
  return { source, script, exports: loaded.exports }
}
`

/** Runs a bundle, calls what is named, and writes what V8 has compiled by then. */
const make = `${compile}
const { writeFileSync } = require('node:fs')
const [file, name] = process.argv.slice(1)
const { source, script, exports } = load(file)
Promise.resolve(name && exports[name]()).then(() => {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(source.length)
  writeFileSync(file + '.cache', Buffer.concat([length, source, script.createCachedData()]))
  process.exit(0)
})
`

/** @param bundle - the name of the file beside it. */
const loaderOf = (
  bundle: string,
): string => `// Written by "lanewise warm-cache": ${bundle}, with what V8 has compiled of it before.
'use strict'
${compile}
module.exports = load(require('node:path').join(__dirname, ${JSON.stringify(bundle)})).exports
`

export const warmCache: Command = {
  name: 'warm-cache',
  summary: 'keeps what V8 has compiled of a bundle beside it, for functions that start often',
  usage: 'BUNDLE.cjs [--call NAME]',
  flags: {
    call: {
      type: 'string',
      value: 'NAME',
      help: 'what the bundle exports to be called first, without arguments, and waited for: whatever it needs is compiled then',
    },
  },

  async run({ positionals, flags, print, result }) {
    const [bundle, ...others] = positionals
    if (bundle === undefined || others.length > 0) throw new UsageError('one bundle is needed')
    if (!/\.c?js$/.test(bundle)) throw new UsageError(`a bundle of CommonJS ends in .cjs or .js, got "${bundle}"`)
    const file = resolve(bundle)
    // A script with a cache has lost what knows how to import (Node 20 to 24).
    if (/\bimport\s*\(\s*[^)\s]/.test(readFileSync(file, 'utf8')))
      throw new LanewiseError(
        'E_UNSUPPORTED',
        `${bundle} has import(), which a script with a cache cannot do: have the bundler make calls of require of it (esbuild: --supported:dynamic-import=false)`,
      )
    const call = textFlag(flags, 'call')
    try {
      execFileSync(process.execPath, ['--input-type=commonjs', '--eval', make, file, ...(call ? [call] : [])], {
        stdio: ['ignore', 'ignore', 'pipe'],
      })
    } catch (cause) {
      const { stderr } = cause as { readonly stderr?: Buffer }
      const said = /^\w*(?:Error|E_\w+).*$/m.exec(String(stderr))?.[0] ?? 'it ended before it had run'
      throw new LanewiseError('E_VALUE', `${bundle} cannot be run: ${said}`, { cause })
    }
    const extension = extname(file)
    const loader = `${file.slice(0, -extension.length)}.warm${extension}`
    writeAtomically(loader, [new TextEncoder().encode(loaderOf(basename(file)))])
    const { size } = statSync(`${file}.cache`)
    print(`${loader} loads ${bundle} with ${bundle}.cache (${bytesText(size)})`)
    result({ loader, cache: `${file}.cache`, bytes: size })
  },
}
