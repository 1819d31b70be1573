import * as codes from '../../assembly/abi/codes.js'

type Axes = readonly number[]

/**
 * What a test says of a window; the rest is one pixel of one channel that moves by one. Axes are depth, height, width,
 * or fewer.
 */
export interface WindowOfTest {
  readonly xPitch?: number
  readonly yPitch?: number
  readonly residualPitch?: number
  readonly groups?: number
  readonly inputs?: number
  readonly outputs?: number
  readonly x?: Axes
  readonly y?: Axes
  readonly kernel?: Axes
  readonly strides?: Axes
  readonly dilations?: Axes
  readonly begin?: Axes
  readonly end?: Axes
  readonly images?: number
}

/** The table that kernels read a window from. Pitches are those of dense tensors unless they are given. */
export function windowEntries(s: WindowOfTest): Int32Array {
  const { groups = 1, inputs = 1, outputs = 1 } = s
  const entries = new Int32Array(codes.WINDOW_ENTRIES)
  entries[codes.WINDOW_GROUPS] = groups
  entries[codes.WINDOW_INPUTS] = inputs
  entries[codes.WINDOW_OUTPUTS] = outputs
  entries[codes.WINDOW_X_PITCH] = s.xPitch ?? groups * inputs
  entries[codes.WINDOW_Y_PITCH] = s.yPitch ?? groups * outputs
  entries[codes.WINDOW_RESIDUAL_PITCH] = s.residualPitch ?? entries[codes.WINDOW_Y_PITCH]
  entries[codes.WINDOW_IMAGES] = s.images ?? 1
  const axes: [number, Axes | undefined, number][] = [
    [codes.WINDOW_X, s.x, 1],
    [codes.WINDOW_Y, s.y, 1],
    [codes.WINDOW_KERNEL, s.kernel, 1],
    [codes.WINDOW_STRIDES, s.strides, 1],
    [codes.WINDOW_DILATIONS, s.dilations, 1],
    [codes.WINDOW_BEGIN, s.begin, 0],
    [codes.WINDOW_END, s.end, 0],
  ]
  for (const [place, values, missing] of axes) {
    entries.set([missing, missing, missing, ...(values ?? [])].slice(-3), place)
  }
  return entries
}
