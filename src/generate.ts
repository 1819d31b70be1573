/**
 * Text by models: `import { generate, pastToPresent } from 'lanewise/generate'`.
 *
 * @module lanewise/generate
 * @packageDocumentation
 */
export * from './generate/index.js'
