import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What the rules that need no types say of files, by file: their names decide which rules there are. */
export function lint(files: Readonly<Record<string, string>>): Map<string, { rule: string; message: string }[]> {
  const folder = mkdtempSync(join(tmpdir(), 'lanewise-lint-'))
  try {
    // Which files a rule is for is told from where its configuration lies.
    for (const name of ['.oxlintrc.json', 'oxlint.rooms.js']) copyFileSync(join(root, name), join(folder, name))
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), text)
    }
    const oxlint = join(root, 'node_modules/oxlint/bin/oxlint')
    const args = ['--format', 'json', ...Object.keys(files)]
    const { stdout, stderr } = spawnSync(process.execPath, [oxlint, ...args], { cwd: folder, encoding: 'utf8' })
    if (!stdout.startsWith('{')) throw new Error(stdout + stderr)
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: { code: string; filename: string; message: string }[] }
    const found = new Map(Object.keys(files).map((name) => [name, [] as { rule: string; message: string }[]]))
    for (const { code, filename, message } of diagnostics) {
      const said = found.get(filename)
      if (!said) throw new Error(`${filename}: ${message}`)
      said.push({ rule: code, message })
    }
    return found
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
