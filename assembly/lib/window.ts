/**
 * A window that slides over images, as a table of i32 in memory: WINDOW_* of codes.ts name the same places for
 * TypeScript. A kernel reads what it needs once, at its beginning.
 *
 * Every window has three spatial axes (D, H, W); in fewer dimensions the leading ones are 1. A pitch is the number of
 * elements from one pixel to the next: at least the channels, more when the tensor is a slice of channels.
 */
// @ts-ignore: decorator
@unmanaged
export class Window {
  xPitch: i32;
  yPitch: i32;
  residualPitch: i32;
  groups: i32;
  /** Channels of one group. */
  inputs: i32;
  outputs: i32;
  d: i32;
  h: i32;
  w: i32;
  od: i32;
  oh: i32;
  ow: i32;
  kd: i32;
  kh: i32;
  kw: i32;
  strideD: i32;
  strideH: i32;
  strideW: i32;
  dilationD: i32;
  dilationH: i32;
  dilationW: i32;
  /** Padding before the image; padding after it follows from the output's size. */
  padD: i32;
  padH: i32;
  padW: i32;
  /** Padding after the image, where it counts (average_pool_f32). */
  endD: i32;
  endH: i32;
  endW: i32;
  images: i32;
}

/** The window at an address. */
// @ts-ignore: decorator
@inline
export function window_at(table: usize): Window {
  // Not a bare `assert`: without assertions its condition would still be read from memory.
  if (!ASC_NO_ASSERT) check_window(table);
  return changetype<Window>(table);
}

function check_window(table: usize): void {
  assert(table != 0 && (table & 3) == 0, "no window");
  const s = changetype<Window>(table);
  assert(s.inputs >= 0 && s.outputs >= 0 && s.groups > 0 && s.images >= 0, "channels");
  assert(s.d >= 0 && s.h >= 0 && s.w >= 0 && s.od >= 0 && s.oh >= 0 && s.ow >= 0, "sizes");
  assert(s.kd > 0 && s.kh > 0 && s.kw > 0, "kernel");
  assert(
    s.strideD > 0 && s.strideH > 0 && s.strideW > 0 && s.dilationD > 0 && s.dilationH > 0 && s.dilationW > 0, "strides",
  );
  assert(s.xPitch >= s.inputs && s.yPitch >= s.outputs && s.residualPitch >= 0, "pitches");
}

/** Whether a window is one pixel that moves by one: y's pixels are x's. */
// @ts-ignore: decorator
@inline
export function is_pointwise(s: Window): bool {
  return s.kd * s.kh * s.kw == 1 && s.strideD == 1 && s.strideH == 1 && s.strideW == 1 &&
    (s.padD | s.padH | s.padW) == 0 &&
    s.od == s.d && s.oh == s.h && s.ow == s.w;
}
