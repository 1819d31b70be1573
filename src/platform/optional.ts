import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { LanewiseError } from '../errors.js'

/**
 * A package that only some commands need and that the user installs if they want those: found beside lanewise or from the working directory.
 *
 * @throws LanewiseError `E_UNSUPPORTED` saying what to install.
 */
export async function loadOptional<T>(name: string, purpose: string): Promise<T> {
  try {
    return (await import(resolve(name))) as T
  } catch (cause) {
    const missing = ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes((cause as NodeJS.ErrnoException).code ?? '')
    const why = missing ? 'which is not installed' : `which cannot be loaded (${(cause as Error).message.split('\n')[0]})`
    throw new LanewiseError('E_UNSUPPORTED', `${purpose} needs the package ${name}, ${why}: npm i ${name}`, { cause })
  }
}

function resolve(name: string): string {
  try {
    return import.meta.resolve(name)
  } catch {
    return pathToFileURL(createRequire(join(process.cwd(), 'package.json')).resolve(name)).href
  }
}
