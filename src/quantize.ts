/**
 * Models with integers in the place of float32: `import { quantize } from 'lanewise/quantize'`.
 * docs/guides/quantization.md shows every format and what it costs.
 *
 * @module lanewise/quantize
 * @packageDocumentation
 */
import './node.js'
export * from './quantize/index.js'
