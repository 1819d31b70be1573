import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { LanewiseError } from '../core/errors.js'

/**
 * A package that only some commands need and that the user installs if they want those: found beside lanewise or from
 * the working directory.
 *
 * @param together - all packages that the same purpose needs, so that they are installed at once.
 * @throws LanewiseError `E_UNSUPPORTED` saying what to install.
 */
export async function loadOptional<T>(name: string, purpose: string, together?: readonly string[]): Promise<T> {
  try {
    return (await import(resolve(name))) as T
  } catch (cause) {
    const missing = ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes((cause as NodeJS.ErrnoException).code ?? '')
    const why = missing
      ? 'which is not installed'
      : `which cannot be loaded (${(cause as Error).message.split('\n')[0]})`
    const packageName = packageOf(name)
    throw new LanewiseError(
      'E_UNSUPPORTED',
      `${purpose} needs the package ${packageName}, ${why}: npm i ${together?.join(' ') ?? packageName}`,
      { cause },
    )
  }
}

/** The package of a module or of a file. */
function packageOf(path: string): string {
  return path
    .split('/')
    .slice(0, path.startsWith('@') ? 2 : 1)
    .join('/')
}

/**
 * The text of a file of such a package, e.g. `optionalText('uplot/dist/uPlot.min.css', 'an HTML report')`.
 *
 * @throws LanewiseError `E_UNSUPPORTED` saying what to install.
 */
export function optionalText(file: string, purpose: string): string {
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    let path: string
    try {
      path = createRequire(from).resolve(file)
    } catch {
      continue
    }
    return readFileSync(path, 'utf8')
  }
  const name = packageOf(file)
  throw new LanewiseError(
    'E_UNSUPPORTED',
    `${purpose} needs the package ${name}, which is not installed: npm i ${name}`,
  )
}

function resolve(name: string): string {
  try {
    return import.meta.resolve(name)
  } catch {
    return pathToFileURL(createRequire(join(process.cwd(), 'package.json')).resolve(name)).href
  }
}
