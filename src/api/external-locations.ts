import { checkLocation } from '../onnx/external-data.js'
import type { ModelProto, StringStringEntryProto } from '../onnx/schema/onnx.js'
import { readModel } from '../onnx/wire.js'

/**
 * The files beside a model that hold its tensors, wherever these stand: initializers, attributes, graphs in graphs,
 * functions.
 *
 * @throws LanewiseError `E_EXTERNAL` for a path that leads out of the model's folder, `E_PARSE` for bytes that are no
 *   model.
 */
export function externalLocations(model: ModelProto | Uint8Array): string[] {
  const found = new Set<string>()
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return
    if (Array.isArray(value)) return value.forEach(visit)
    for (const [key, part] of Object.entries(value)) {
      if (key !== 'externalData') visit(part)
      else
        for (const entry of part as readonly StringStringEntryProto[])
          if (entry.key === 'location') found.add(checkLocation(entry.value))
    }
  }
  visit(model instanceof Uint8Array ? readModel(model) : model)
  return [...found]
}
