import { ESLint, type Linter } from 'eslint'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import ts from 'typescript-eslint'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const name = '@typescript-eslint/no-non-null-assertion'

// Without the rules that need the types of the whole project.
const { default: configs } = (await import(pathToFileURL(join(root, 'eslint.config.js')).href)) as {
  default: Linter.Config[]
}
const rule = configs.filter(
  ({ files, rules }) => files?.some((file) => String(file).startsWith('src/')) && rules?.[name],
)

const eslint = new ESLint({
  cwd: root,
  overrideConfigFile: true,
  overrideConfig: [
    { files: ['**/*.ts'], languageOptions: { parser: ts.parser }, plugins: { '@typescript-eslint': ts.plugin } },
    ...rule,
  ] as ESLint.Options['overrideConfig'],
})

/** The rules that a line breaks in a file that need not exist. */
async function broken(filePath: string): Promise<(string | null)[]> {
  const line = 'export const first = (list: readonly number[]) => list.at(0)!\n'
  const [result] = await eslint.lintText(line, { filePath: join(root, filePath) })
  return result.messages.map(({ ruleId }) => ruleId)
}

test.each(['src/ops/conv/example.ts', 'bindings/example.ts'])('`!` is refused in %s', async (file) => {
  expect(await broken(file)).toEqual([name])
})

test('`!` is allowed in tests', async () => {
  expect(await broken('tests/ops/example.test.ts')).toEqual([])
})
