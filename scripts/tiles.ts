// Writes the register tiles, assembly/generated/*.ts, from their templates. `--check` fails where one is stale.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tileFiles } from './tiles/files.js'

const folder = new URL('../assembly/generated/', import.meta.url)

if (process.argv.includes('--check')) {
  const there = readdirSync(folder)
  const stale = [...new Set([...tileFiles.keys(), ...there])].filter(
    (name) => !there.includes(name) || readFileSync(new URL(name, folder), 'utf8') !== tileFiles.get(name),
  )
  for (const name of stale) console.error(`assembly/generated/${name} is stale: npm run tiles`)
  if (stale.length > 0) process.exitCode = 1
} else {
  for (const [name, text] of tileFiles) writeFileSync(new URL(name, folder), text)
}
