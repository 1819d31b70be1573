// What an app downloads that runs models with onnxruntime-web on the CPU: its wasm-only bundle and the one wasm file,
// by brotli at its best. That takes a minute, so the result for the installed release is kept in peer-size.json; "npx
// tsx scripts/peer-size.ts" makes it anew.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { brotliCompressSync, constants } from 'node:zlib'

const dist = new URL('../node_modules/onnxruntime-web/dist/', import.meta.url)
const record = new URL('peer-size.json', import.meta.url)
const files = ['ort.wasm.bundle.min.mjs', 'ort-wasm-simd-threaded.wasm']

interface Entry {
  readonly sha256: string
  readonly raw: number
  readonly brotli: number
}

/** Bytes after brotli. A release that is not on record is compressed here and now. */
export function onnxruntimeWebBytes(note: (message: string) => void): number {
  const known = JSON.parse(readFileSync(record, 'utf8')) as Record<string, Entry>
  return files.reduce((total, name) => {
    const bytes = readFileSync(new URL(name, dist))
    if (known[name]?.sha256 === hash(bytes)) return total + known[name].brotli
    note(`compressing ${name}, whose size is not on record: this takes a minute`)
    return total + brotli(bytes)
  }, 0)
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function brotli(bytes: Uint8Array): number {
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_LGWIN]: 24,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  }
  return brotliCompressSync(bytes, { params }).length
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const entries = files.map((name): [string, Entry] => {
    const bytes = readFileSync(new URL(name, dist))
    return [name, { sha256: hash(bytes), raw: bytes.length, brotli: brotli(bytes) }]
  })
  writeFileSync(fileURLToPath(record), `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`)
}
