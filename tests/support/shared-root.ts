import { fileURLToPath } from 'node:url'

/**
 * Where models and data lie that belong to others and stay out of the repository: `LANEWISE_SHARED`, else `../shared`.
 */
export const sharedRoot = process.env.LANEWISE_SHARED ?? fileURLToPath(new URL('../../../shared', import.meta.url))
