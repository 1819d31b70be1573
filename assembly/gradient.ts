// What the backward pass needs whatever the operator.

/** y[i] += x[i]. */
export function accumulate_f32(x: usize, y: usize, n: i32): void {
  let i = 0;
  for (; i <= n - 4; i += 4) {
    const at = <usize>i << 2;
    v128.store(y + at, f32x4.add(v128.load(y + at), v128.load(x + at)));
  }
  for (; i < n; i++) {
    const at = <usize>i << 2;
    store<f32>(y + at, load<f32>(y + at) + load<f32>(x + at));
  }
}

/** x[i] = 0. */
export function zero_f32(x: usize, n: i32): void {
  memory.fill(x, 0, <usize>n << 2);
}
