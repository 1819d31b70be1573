// Transposed convolution, channels-last, in one to three dimensions. The outputs whose coordinates leave the same
// remainder by the stride (a phase) see the same taps, at neighbouring inputs: each phase is an ordinary convolution of
// stride 1 with a part of the kernel. So nothing is scattered, no multiplication is wasted on the zeros between inputs,
// and bias, residual and activation are fused as in im2col.ts.
import { UNARY_NONE } from "../abi/codes";
import { gather, STRIP, STRIP_K } from "./im2col";
import { k_block } from "../matmul/gemm";
import { gemm_panels } from "../matmul/gemm-tile";
import { NR, TILE_ADD, TILE_STORE } from "../lib/tile";
import { window_at } from "../lib/window";

/** Distance between two taps of one phase: stride / gcd(stride, dilation). */
function tap_step(stride: i32, dilation: i32): i32 {
  let step = 1;
  while (step * dilation % stride != 0) step++;
  return step;
}

/** The first tap that reaches outputs ≡ phase (mod stride), `kernel` when there is none. */
function first_tap(phase: i32, kernel: i32, stride: i32, dilation: i32, pad: i32): i32 {
  for (let tap = 0; tap < kernel; tap++) {
    if ((phase + pad - tap * dilation) % stride == 0) return tap;
  }
  return kernel;
}

/** Taps first, first + step, … below `kernel`. */
function tap_count(first: i32, kernel: i32, step: i32): i32 {
  return first < kernel ? (kernel - 1 - first) / step + 1 : 0;
}

/**
 * ONNX filters [groups·inputs, outputs, kd, kh, kw] → per group and phase, panels of NR filters of [taps·inputs, NR],
 * taps in the order of their inputs, which is from the last to the first. The size is conv_packed_size's.
 */
export function conv_transpose_pack_f32(w: usize, window: usize, packed: usize): void {
  const s = window_at(window);
  let inputs = s.inputs, outputs = s.outputs, groups = s.groups;
  let kd = s.kd, kh = s.kh, kw = s.kw, strideD = s.strideD, strideH = s.strideH, strideW = s.strideW;
  let dilationD = s.dilationD, dilationH = s.dilationH, dilationW = s.dilationW, padD = s.padD, padH = s.padH;
  let padW = s.padW;
  let stepD = tap_step(strideD, dilationD), stepH = tap_step(strideH, dilationH), stepW = tap_step(strideW, dilationW);
  let taps = kd * kh * kw;
  for (let g = 0; g < groups; g++) {
    let filters = w + (<usize>g * inputs * outputs * taps << 2);
    for (let pz = 0; pz < strideD; pz++) {
      let z0 = first_tap(pz, kd, strideD, dilationD, padD), z1 = z0 + (tap_count(z0, kd, stepD) - 1) * stepD;
      for (let py = 0; py < strideH; py++) {
        let y0 = first_tap(py, kh, strideH, dilationH, padH), y1 = y0 + (tap_count(y0, kh, stepH) - 1) * stepH;
        for (let px = 0; px < strideW; px++) {
          let x0 = first_tap(px, kw, strideW, dilationW, padW), x1 = x0 + (tap_count(x0, kw, stepW) - 1) * stepW;
          for (let o = 0; o < outputs; o += NR) {
            for (let z = z1; z >= z0; z -= stepD) {
              for (let y = y1; y >= y0; y -= stepH) {
                for (let x = x1; x >= x0; x -= stepW) {
                  packed = pack_tap(
                    filters + (((<usize>o * kd + z) * kh + y) * kw + x << 2), inputs, outputs - o, outputs * taps, taps,
                    packed,
                  );
                }
              }
            }
          }
        }
      }
    }
  }
}

/** One tap of NR filters: [inputs, NR]. */
function pack_tap(source: usize, inputs: i32, outputs: i32, inputStride: i32, outputStride: i32, packed: usize): usize {
  for (let i = 0; i < inputs; i++) {
    for (let j = 0; j < NR; j++) {
      store<f32>(packed, j < outputs ? load<f32>(source + (<usize>j * outputStride << 2)) : 0);
      packed += 4;
    }
    source += <usize>inputStride << 2;
  }
  return packed;
}

/**
 * y[n, od, oh, ow, groups·outputs] = act(conv_transpose_f32(x[n, d, h, w, groups·inputs], filters) + bias + residual),
 * for the rows [begin, end) of the n·od·oh rows of the output. Arguments as conv_im2col_f32's; padding at the end and
 * output padding follow from the output's size.
 */
export function conv_transpose_f32(
  x: usize, packed: usize, bias: usize, residual: usize, y: usize, window: usize, act: i32, alpha: f32, beta: f32,
  begin: i32, end: i32, scratch: usize,
): void {
  const s = window_at(window);
  let inputs = s.inputs, outputs = s.outputs, groups = s.groups;
  let d = s.d, h = s.h, w = s.w, od = s.od, oh = s.oh, ow = s.ow, xPitch = s.xPitch, yPitch = s.yPitch;
  let residualPitch = s.residualPitch;
  let kd = s.kd, kh = s.kh, kw = s.kw, strideD = s.strideD, strideH = s.strideH, strideW = s.strideW;
  let dilationD = s.dilationD, dilationH = s.dilationH, dilationW = s.dilationW, padD = s.padD, padH = s.padH;
  let padW = s.padW;
  let stepD = tap_step(strideD, dilationD), stepH = tap_step(strideH, dilationH), stepW = tap_step(strideW, dilationW);
  let width = (outputs + NR - 1) & -NR, rowBytes = w * xPitch << 2;
  for (let g = 0; g < groups; g++) {
    let xg = x + (g * inputs << 2), filter = g * outputs;
    for (let pz = 0; pz < strideD; pz++) {
      let z0 = first_tap(pz, kd, strideD, dilationD, padD), zTaps = tap_count(z0, kd, stepD);
      let z1 = z0 + (zTaps - 1) * stepD;
      for (let py = 0; py < strideH; py++) {
        let y0 = first_tap(py, kh, strideH, dilationH, padH), yTaps = tap_count(y0, kh, stepH);
        let y1 = y0 + (yTaps - 1) * stepH;
        for (let px = 0; px < strideW; px++) {
          let x0 = first_tap(px, kw, strideW, dilationW, padW), xTaps = tap_count(x0, kw, stepW);
          let x1 = x0 + (xTaps - 1) * stepW;
          let k = zTaps * yTaps * xTaps * inputs, kBlock = k_block(k, STRIP_K), p = 0;
          do {
            let length = min(k - p, kBlock), last = p + length >= k, lda = ((length + 7) & ~3) << 2;
            for (let line = begin; line < end; line++) {
              let slice = line / oh, oy = line - slice * oh, image = slice / od, oz = slice - image * od;
              if (oy % strideH != py || oz % strideD != pz) continue;
              let iz = (oz + padD - z1 * dilationD) / strideD, iy = (oy + padH - y1 * dilationH) / strideH;
              let source = xg + <usize>image * d * h * rowBytes;
              for (let ox = px; ox < ow; ox += STRIP * strideW) {
                let rows = min((ow - ox + strideW - 1) / strideW, STRIP);
                let pixel = <usize>line * ow + ox;
                if (length > 0) {
                  let target = scratch, ix = (ox + padW - x1 * dilationW) / strideW;
                  for (let i = 0; i < rows; i++) {
                    gather(
                      source, rowBytes, xPitch << 2, d, h, w, inputs, xTaps * inputs, yTaps,
                      stepD * dilationD / strideD, stepH * dilationH / strideH, stepW * dilationW / strideW, iz, iy,
                      ix + i, p, length, target,
                    );
                    target += lda;
                  }
                }
                gemm_panels(
                  scratch, lda, packed + (p << 5), k << 5, length, y + ((pixel * yPitch + filter) << 2),
                  strideW * yPitch << 2, rows, outputs, p ? TILE_ADD : TILE_STORE,
                  last && bias ? bias + (filter << 2) : 0,
                  !p && residual ? residual + ((pixel * residualPitch + filter) << 2) : 0, strideW * residualPitch << 2,
                  last ? act : UNARY_NONE, alpha, beta,
                );
              }
            }
            p += length;
          } while (p < k);
          packed += <usize>k * width << 2;
        }
      }
    }
  }
}
