// Apart from versions.ts: readers need these alone.

/** Sets below which an operator had fewer inputs: what became an input was an attribute, or could not be said. */
const fewer: Readonly<Record<string, readonly (readonly [below: number, inputs: number])[]>> = {
  Clip: [[11, 1]],
  DFT: [[20, 2]],
  Dropout: [[12, 1]],
  Pad: [
    [11, 1],
    [18, 3],
  ],
  ReduceSum: [[13, 1]],
  Resize: [
    [11, 2],
    [13, 4],
  ],
  Slice: [[10, 1]],
  Split: [[13, 1]],
  Squeeze: [[13, 1]],
  TopK: [[10, 1]],
  Unsqueeze: [[13, 1]],
}
const reductions = /^Reduce(L1|L2|LogSum|LogSumExp|Max|Mean|Min|Prod|SumSquare)$/

/** The most inputs that an operator has in an operator set, where that is fewer than today. */
export function mostInputs(name: string, opset: number): number {
  if (reductions.test(name)) return opset < 18 ? 1 : 2
  return fewer[name]?.find(([below]) => opset < below)?.[1] ?? Infinity
}
