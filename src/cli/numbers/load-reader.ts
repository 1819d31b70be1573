import { readModel } from '../../onnx/wire.js'
import { platform } from '../../platform/platform.js'
import type { Flags } from '../command.js'
import { loadSession } from '../load.js'
import { NumberReader } from './reader.js'

/** Whether a model's file says that it reads house numbers. */
export async function isReader(file: string): Promise<boolean> {
  const { metadataProps } = readModel(await platform().readModel(file))
  return metadataProps.some(({ key, value }) => key === 'task' && value === 'house-numbers')
}

/** @throws LanewiseError `E_SHAPE` if the model is no reader. */
export async function loadReader(file: string, flags: Flags): Promise<NumberReader> {
  return NumberReader.of(await loadSession(file, flags), file)
}
