// Kernels that can be cut although they take a count and not a range: the parameter that counts, and by how many bytes
// each address moves with one more of what is counted (numbers, or other parameters).
const floats = (...names) => ({ count: 'n', pitches: Object.fromEntries(names.map((name) => [name, 4])) })
const sizes = { f32: 4, f64: 8, f16: 2, bf16: 2, i32: 4, i64: 8, i8: 1, u8: 1, bool: 1 }
const cast = (from, to) => [`cast_${from}_${to}`, { count: 'n', pitches: { x: sizes[from], y: sizes[to] } }]

export const ranges = {
  ...Object.fromEntries(
    (
      'bf16_f32 f16_f32 f32_bf16 f32_bool f32_f16 f32_f64 f32_i32 f32_i64 f32_i8 f32_u8 f64_f32 i32_f32 i32_i64 i64_f32 ' +
      'i64_i32 i8_f32 u8_f32'
    )
      .split(' ')
      .map((name) => cast(...name.split('_'))),
  ),
  isinf_f32: { count: 'n', pitches: { x: 4, y: 1 } },
  isnan_f32: { count: 'n', pitches: { x: 4, y: 1 } },
  binary_f32: { count: 'n', pitches: { a: '4 * strideA', b: '4 * strideB', y: 4 } },
  not_u8: { count: 'n', pitches: { x: 1, y: 1 } },
  unary_f32: floats('x', 'y'),
  unary_f64: { count: 'n', pitches: { x: 8, y: 8 } },
  gather: { count: 'outer', pitches: { x: 'axis * run', y: 'count * run' } },
  transpose_2d: { count: 'batch', pitches: { x: 'rows * cols * bytes', y: 'rows * cols * bytes' } },
  add_q8: { count: 'n', pitches: { a: 1, b: 1, y: 1 } },
  sum_q8: { count: 'n', pitches: { a: 1, b: 1, y: 1 } },
  squared_distances_f32: { count: 'm', pitches: { a: '4 * k', y: '4 * n' } },
  impute_f32: { count: 'rows', pitches: { x: '4 * columns', y: '4 * columns' } },
  normalize_rows_f32: { count: 'rows', pitches: { x: '4 * columns', y: '4 * columns' } },
  // Training.
  binary_gradient_f32: floats('a', 'b', 'y', 'dy', 'da', 'db'),
  equal_gradient_f32: floats('x', 'y', 'dy', 'dx'),
  unary_gradient_f32: floats('x', 'y', 'dy', 'dx'),
  accumulate_f32: floats('x', 'y'),
  fill_f32: floats('y'),
  scale_f32: floats('x'),
  lion_f32: floats('p', 'g', 'm'),
  moments_f32: floats('p', 'g', 'm', 'v'),
  adagrad_f32: floats('p', 'g', 's'),
  adam_f32: floats('p', 'g', 'm', 'v', 'most'),
  rmsprop_f32: floats('p', 'g', 's', 'v', 'mean'),
  sgd_f32: floats('p', 'g', 'v'),
}
