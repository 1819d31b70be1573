// What stands for node-files.ts, run-lock.ts and optional.ts in the build for browsers, where there is no file system:
// scripts/build-js.ts puts it in their place, and tests/house/browser-files.test.ts sees to it that no name is missing.
import { LanewiseError } from '../core/errors.js'
import type { OpenFile } from './node-files.js'

export { Sha256 } from '../core/sha256.js'
export type { OpenFile }

function none(what: string): never {
  throw new LanewiseError('E_UNSUPPORTED', `${what}: there is no file system here`)
}

/** What an error says. */
export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

/** Everything is on the network: relative to the page. */
export function filePath(): undefined {
  return undefined
}

export function fileExists(): boolean {
  return false
}

export function joinPath(...parts: readonly string[]): string {
  return parts.join('/')
}

export function processName(): string {
  return 'browser'
}

export function inflate(): never {
  throw new LanewiseError(
    'E_UNSUPPORTED',
    'pictures are decoded by the browser: createImageBitmap, a canvas and getImageData',
  )
}

export function readBytes(path: string): Promise<never> {
  none(`cannot read ${JSON.stringify(path)}`)
}

export function readBytesNow(path: string): never {
  none(`cannot read ${JSON.stringify(path)}`)
}

export function readNow(path: string): never {
  none(`cannot read ${JSON.stringify(path)}`)
}

export function fileSize(path: string): never {
  none(`cannot look at ${JSON.stringify(path)}`)
}

export function startThread(): never {
  throw new LanewiseError('E_UNSUPPORTED', 'loaders with threads need Node')
}

export function readPieces(path: string): never {
  none(`cannot read ${JSON.stringify(path)}`)
}

export function listFolder(path: string): Promise<never> {
  none(`cannot list ${JSON.stringify(path)}`)
}

export function filesIn(path: string): never {
  none(`cannot list ${JSON.stringify(path)}`)
}

export function makeFolder(path: string): never {
  none(`cannot make the folder ${JSON.stringify(path)}`)
}

export function removeFile(path: string): never {
  none(`cannot remove ${JSON.stringify(path)}`)
}

export function appendTo(path: string): never {
  none(`cannot write ${JSON.stringify(path)}`)
}

export function writeAtomically(path: string): never {
  none(`cannot write ${JSON.stringify(path)}`)
}

export function lockFolder(path: string): never {
  none(`cannot work in ${JSON.stringify(path)}: give fit \`checkpoints\` instead of a folder`)
}

export function loadOptional(name: string, purpose: string): Promise<never> {
  throw new LanewiseError('E_UNSUPPORTED', `${purpose} needs the package ${name}, which is for Node`)
}

export function optionalText(file: string, purpose: string): never {
  throw new LanewiseError('E_UNSUPPORTED', `${purpose} needs the file ${file}, which is for Node`)
}
