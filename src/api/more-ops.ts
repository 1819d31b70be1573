/**
 * Makes operators known that the entry has not registered: first those that many models have, and if some are `missing`
 * even then, all of them. Each comes by a dynamic import, so that bundlers make files of their own of them.
 */
export async function loadMoreOps(missing: () => boolean): Promise<void> {
  ;(await import('./register-frequent.js')).registerFrequentOps()
  if (!missing()) return
  ;(await import('./register-all.js')).registerAllOps()
  await (await import('../../bindings/quantized.js')).prepareQuantizedKernels()
}
