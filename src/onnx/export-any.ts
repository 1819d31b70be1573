import type { GraphSource } from '../ir/graph.js'
import { exportModel as exportKnown } from './export.js'
import type { ExportOptions } from './export-options.js'
import { knowEverySet } from './sets/know-every-set.js'

/**
 * The bytes of an ONNX file for a graph.
 *
 * @param source - a graph (of `loadGraph`, `toGraph`, `GraphBuilder.graph`), or a `GraphBuilder`.
 * @throws LanewiseError `E_UNSUPPORTED` for a graph that passes have rewritten (fused nodes are not ONNX) and for a
 *   node that the operator set cannot say; `E_GRAPH` for a graph without outputs, or that reads what it does not make;
 *   `E_VALUE` for an option that is not what it must be; `E_EXTERNAL` if external data cannot be written; `E_BUDGET` if
 *   the file would be too large without `externalData`.
 */
export function exportModel(source: GraphSource, options: ExportOptions = {}): Uint8Array {
  knowEverySet()
  return exportKnown(source, options)
}
