// Folders as Hugging Face has them: a tokenizer, what is said of the model, and its files.
import { existsSync, readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LanewiseError } from '../../core/errors.js'
import { SentencePieceTokenizer, Tokenizer, WordPieceTokenizer } from '../../text/index.js'

export type FolderTokenizer = Tokenizer | WordPieceTokenizer | SentencePieceTokenizer

/** A file of JSON as it is: nothing is known of it. */
export type Json = Readonly<Record<string, unknown>>

/** @throws LanewiseError `E_EXTERNAL` if the folder has none. */
export async function tokenizerIn(folder: string): Promise<FolderTokenizer> {
  const model = join(folder, 'tokenizer.model')
  const json = await jsonIn(folder, 'tokenizer.json')
  if (json) {
    const { type } = (json.model ?? {}) as Json
    return type === 'WordPiece' || type === 'WordLevel' ? WordPieceTokenizer.fromJSON(json) : Tokenizer.fromJSON(json)
  }
  if (existsSync(model)) return SentencePieceTokenizer.fromModel(await readFile(model))
  throw new LanewiseError('E_EXTERNAL', `${folder} has neither tokenizer.json nor tokenizer.model`)
}

/**
 * The contents of a file of the folder; undefined if there is none. @throws LanewiseError `E_PARSE` if it is no JSON.
 */
export async function jsonIn(folder: string, ...names: readonly string[]): Promise<Json | undefined> {
  const path = join(folder, ...names)
  if (!existsSync(path)) return undefined
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Json
  } catch (cause) {
    throw new LanewiseError('E_PARSE', `${path} is no JSON: ${(cause as Error).message}`, { cause })
  }
}

/** A whole number of the first of several files that has it; undefined if none has. */
export async function numberIn(folder: string, files: readonly string[], name: string): Promise<number | undefined> {
  for (const file of files) {
    const value = (await jsonIn(folder, file))?.[name]
    if (Number.isInteger(value)) return value as number
  }
  return undefined
}

/** Tokens that end a text, as the folder's configuration says. */
export async function endsIn(folder: string): Promise<number[]> {
  for (const name of ['generation_config.json', 'config.json']) {
    const ends = [(await jsonIn(folder, name))?.eos_token_id].flat().filter((token) => token != null)
    if (ends.length > 0) return ends.map(Number)
  }
  return []
}

/**
 * The file of a model.
 *
 * @param usual - where it may lie, the best first. @param given - which one is wanted, if that is said.
 * @throws LanewiseError `E_EXTERNAL` if there is none, or several and none with a usual name.
 */
export function modelIn(folder: string, usual: readonly string[], given?: string): string {
  if (given !== undefined) return join(folder, given)
  const found = usual.map((name) => join(folder, name)).find((path) => existsSync(path))
  if (found !== undefined) return found
  const files = (existsSync(folder) ? readdirSync(folder) : []).filter((name) => name.endsWith('.onnx'))
  if (files.length === 1) return join(folder, files[0])
  throw new LanewiseError(
    'E_EXTERNAL',
    files.length === 0
      ? `${folder} has no model`
      : `${folder} has several models (${files.join(', ')}): --model says which`,
  )
}
