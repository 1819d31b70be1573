// Lines of assembly/ over 120 columns, which no formatter looks after: oxfmt would put every argument on a line of its own.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MOST = 120

const folder = fileURLToPath(new URL('../assembly', import.meta.url))
let long = 0
for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
  if (!file.endsWith('.ts')) continue
  readFileSync(join(folder, file), 'utf8')
    .split('\n')
    .forEach((line, i) => {
      if (line.length <= MOST) return
      long++
      console.log(`assembly/${file}:${i + 1} is ${line.length} columns wide`)
    })
}
if (long > 0) {
  console.error(`${long} lines are wider than ${MOST} columns`)
  process.exitCode = 1
}
