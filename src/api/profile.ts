import type { StepTime } from '../plan/executor.js'

/** What one node took in a profiled run. */
export interface ProfileEntry {
  /**
   * The node's name in the model; of a fused node, the one it grew from. Empty for rearrangements between memory
   * orders.
   */
  readonly node: string
  /** The operator's ONNX name; of a fused node, that of the one it grew from. */
  readonly op: string
  /** The algorithm chosen, or the kernel. */
  readonly kernel: string
  /** Milliseconds that the node's calls took in the run. */
  readonly ms: number
  /** Billions of floating-point operations of the direct algorithm per second; undefined where that means nothing. */
  readonly gflops?: number
  /** Floating-point operations of the direct algorithm; undefined where that means nothing. */
  readonly flops?: number
  /** Bytes read and written: inputs, constants and outputs. */
  readonly bytes: number
}

/** Times of steps added up per node. */
export function profileEntries(times: readonly StepTime[]): ProfileEntry[] {
  const entries: { -readonly [K in keyof ProfileEntry]: ProfileEntry[K] }[] = []
  let last: StepTime['node']
  for (const { node, kernel, note, ms, bytes } of times) {
    const entry = entries.at(-1)
    if (entry && node && node === last) {
      entry.ms += ms
      entry.flops = (entry.flops ?? 0) + (note.flops ?? 0) || undefined
      entry.bytes = Math.max(entry.bytes, bytes)
    } else {
      entries.push({ node: node?.name ?? '', op: node?.op.name ?? 'Reorder', kernel, ms, flops: note.flops, bytes })
    }
    last = node
  }
  for (const entry of entries) if (entry.flops && entry.ms > 0) entry.gflops = entry.flops / entry.ms / 1e6
  return entries
}
