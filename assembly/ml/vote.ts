// What classifiers make of scores: a class, and a score for every class.

/**
 * For each of `rows` rows of `given` scores: z [rows, classes] (float32) and the label in y. `only` < 0: the largest
 * score wins, the first of equals; with `gaps`, −0 is no score at all and becomes 0. Otherwise the score of that column
 * stands for one of two classes: labels[1] if it is above `threshold`; z is [1 − s, s] (kind 0), [−s, s] (kind 1), or
 * the row as it is (kind 2).
 */
function vote<T>(
  s: usize, z: usize, y: usize, labels: usize, rows: i32, given: i32, classes: i32, only: i32, threshold: T, kind: i32,
  gaps: i32,
): void {
  const first = load<i64>(labels);
  for (; rows > 0; rows--) {
    let label = first;
    if (only < 0 || kind == 2) {
      let largest: T = 0;
      let seen = false;
      for (let c: usize = 0; c < <usize>classes; c++) {
        const score = load<T>(s + c * sizeof<T>());
        const none = gaps != 0 && score == 0 && <T>1 / score < 0;
        if (!none && (!seen || score > largest)) {
          largest = score;
          seen = true;
          label = load<i64>(labels + (c << 3));
        }
        store<f32>(z + (c << 2), none ? 0 : <f32>score);
      }
    }
    if (only >= 0) {
      const score = load<T>(s + <usize>only * sizeof<T>());
      label = score > threshold ? load<i64>(labels, 8) : first;
      if (kind < 2) {
        store<f32>(z, <f32>(kind == 0 ? 1 - score : -score));
        store<f32>(z, <f32>score, 4);
      }
    }
    store<i64>(y, label);
    s += <usize>given * sizeof<T>();
    z += <usize>classes << 2;
    y += 8;
  }
}

export function vote_f32(
  s: usize, z: usize, y: usize, labels: usize, rows: i32, given: i32, classes: i32, only: i32, threshold: f32,
  kind: i32, gaps: i32,
): void {
  vote<f32>(s, z, y, labels, rows, given, classes, only, threshold, kind, gaps);
}

export function vote_f64(
  s: usize, z: usize, y: usize, labels: usize, rows: i32, given: i32, classes: i32, only: i32, threshold: f64,
  kind: i32, gaps: i32,
): void {
  vote<f64>(s, z, y, labels, rows, given, classes, only, threshold, kind, gaps);
}
