// Decision trees. A walk down a tree is a chain of loads that wait for each other, so eight walks go side by side,
// without a branch: eight rows down one tree, or one row down eight trees. Measured by `npm run bench -- models
// --filter tabular`.
//
// A forest is one block (written by src/ops/ml/forest.ts; words are i32, T is the type of splits and weights):
//
//   header    [used, trees, targets, aggregate, whether leaves have lists, byte offset of the base values,
//             their number, whether −0 becomes 0]
//   columns   `used` words: twice the column of x, plus 1 if it counts negated
//   roots     `trees` pairs: byte offset of the root, most steps to a leaf
//   nodes     T split, i32 byte offset of the feature in a prepared row, i32 way to the child if not
//             (feature > split), i32 way if it is
//
// Every test of ONNX is such a comparison, perhaps of a negated feature, so that a NaN takes the branch that the model
// says. A way is a distance in bytes from the node. A leaf stays where it is: its ways are 0, its "split" is its weight
// and its "feature" its target; with lists, the split's first word is the byte offset of [count, (byte offset of the
// target, weight) …].

const LANES = 8;

// @ts-ignore: decorator
@inline
function way<T>(node: usize, row: usize): usize {
  const above = load<T>(row + load<usize>(node, sizeof<T>())) > load<T>(node);
  return load<usize>(node + (<usize>above << 2), sizeof<T>() + 4);
}

/** Walks from eight nodes, with a row each, down to leaves: `lanes` holds eight nodes and then eight rows. */
function walk<T>(lanes: usize, depth: i32): void {
  let n0 = load<usize>(lanes);
  let n1 = load<usize>(lanes, 4);
  let n2 = load<usize>(lanes, 8);
  let n3 = load<usize>(lanes, 12);
  let n4 = load<usize>(lanes, 16);
  let n5 = load<usize>(lanes, 20);
  let n6 = load<usize>(lanes, 24);
  let n7 = load<usize>(lanes, 28);
  const r0 = load<usize>(lanes, 32);
  const r1 = load<usize>(lanes, 36);
  const r2 = load<usize>(lanes, 40);
  const r3 = load<usize>(lanes, 44);
  const r4 = load<usize>(lanes, 48);
  const r5 = load<usize>(lanes, 52);
  const r6 = load<usize>(lanes, 56);
  const r7 = load<usize>(lanes, 60);
  let moved: usize = 1;
  for (; depth > 0 && moved != 0; depth--) {
    let d = way<T>(n0, r0);
    n0 += d;
    moved = d;
    d = way<T>(n1, r1);
    n1 += d;
    moved |= d;
    d = way<T>(n2, r2);
    n2 += d;
    moved |= d;
    d = way<T>(n3, r3);
    n3 += d;
    moved |= d;
    d = way<T>(n4, r4);
    n4 += d;
    moved |= d;
    d = way<T>(n5, r5);
    n5 += d;
    moved |= d;
    d = way<T>(n6, r6);
    n6 += d;
    moved |= d;
    d = way<T>(n7, r7);
    n7 += d;
    moved |= d;
  }
  store<usize>(lanes, n0);
  store<usize>(lanes, n1, 4);
  store<usize>(lanes, n2, 8);
  store<usize>(lanes, n3, 12);
  store<usize>(lanes, n4, 16);
  store<usize>(lanes, n5, 20);
  store<usize>(lanes, n6, 24);
  store<usize>(lanes, n7, 28);
}

/**
 * A score of −0 means that no leaf had the target: sums begin at −0, and only sums of −0 alone stay −0.
 */
// @ts-ignore: decorator
@inline
function unseen<T>(score: T): bool {
  return score == 0 && <T>1 / score < 0;
}

/** A weight enters a score: summed (0, 1), or the least (2) or the largest (3) is kept. */
// @ts-ignore: decorator
@inline
function enter<T>(at: usize, weight: T, aggregate: i32): void {
  const score = load<T>(at);
  if (aggregate < 2) store<T>(at, score + weight);
  else if (unseen<T>(score) || (aggregate == 2 ? weight < score : weight > score)) store<T>(at, weight);
}

/** Adds what a leaf holds to the scores of a row. */
function gather<T>(forest: usize, leaf: usize, scores: usize, aggregate: i32, lists: i32): void {
  if (!lists) {
    enter<T>(scores + load<usize>(leaf, sizeof<T>()), load<T>(leaf), aggregate);
    return;
  }
  let at = forest + load<usize>(leaf);
  let count = load<i32>(at);
  at += sizeof<T>();
  for (; count > 0; count--) {
    enter<T>(scores + load<usize>(at), load<T>(at, sizeof<T>()), aggregate);
    at += 2 * sizeof<T>();
  }
}

/**
 * Eight walks: of rows from r on down tree t (`along` 0), or of row r down the trees from t on (1), of which there are
 * `n`.
 */
function group<T>(forest: usize, scratch: usize, y: usize, width: usize, t: i32, r: i32, n: i32, along: i32): void {
  const roots = forest + 32 + (load<usize>(forest) << 2);
  const wide = load<usize>(forest, 8) * sizeof<T>();
  const aggregate = load<i32>(forest, 12);
  const lists = load<i32>(forest, 16);
  let depth = 0;
  for (let i = 0; i < LANES; i++) {
    const step = min(i, n - 1);
    const root = roots + (<usize>(t + (along ? step : 0)) << 3);
    const lane = scratch + (<usize>i << 2);
    depth = max(depth, load<i32>(root, 4));
    store<usize>(lane, forest + load<usize>(root));
    store<usize>(lane, scratch + 64 + <usize>(r + (along ? 0 : step)) * width, LANES << 2);
  }
  walk<T>(scratch, depth);
  for (let i = 0; i < n; i++)
    gather<T>(
      forest, load<usize>(scratch + (<usize>i << 2)), y + <usize>(r + (along ? 0 : i)) * wide, aggregate, lists,
    );
}

/**
 * y [rows, targets] = scores of the rows [begin, end) of x [rows, columns], both of type T. `scratch` has room for 64
 * bytes and for `block` rows of max(used, targets) elements, prepared: with the columns that the forest reads side by
 * side. Scores that no leaf had are −0, but for a base value, unless the header says that they become 0.
 */
function trees<T>(
  x: usize, y: usize, forest: usize, columns: i32, scratch: usize, block: i32, begin: i32, end: i32,
): void {
  const used = load<i32>(forest);
  const count = load<i32>(forest, 4);
  const targets = load<i32>(forest, 8);
  const aggregate = load<i32>(forest, 12);
  const prepared = scratch + 64;
  const width = <usize>max(used, targets) * sizeof<T>();
  const wide = <usize>targets * sizeof<T>();
  x += <usize>begin * columns * sizeof<T>();
  y += <usize>begin * wide;
  for (; begin < end; begin += block) {
    const rows = min(block, end - begin);
    let row = prepared;
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < used; c++) {
        const column = load<u32>(forest + (<usize>c << 2), 32);
        const value = load<T>(x + <usize>(column >> 1) * sizeof<T>());
        store<T>(row + <usize>c * sizeof<T>(), column & 1 ? -value : value);
      }
      row += width;
      x += <usize>columns * sizeof<T>();
    }
    for (let i: usize = 0; i < <usize>rows * wide; i += sizeof<T>()) store<T>(y + i, -0.0);
    const whole = rows & ~(LANES - 1);
    for (let t = 0; t < count; t++) for (let r = 0; r < whole; r += LANES) group<T>(
      forest, scratch, y, width, t, r, LANES, 0,
    );
    for (let r = whole; r < rows; r++) for (let t = 0; t < count; t += LANES) group<T>(
      forest, scratch, y, width, t, r, min(LANES, count - t), 1,
    );
    finish<T>(y, forest, rows, targets, aggregate == 1 ? <T>count : <T>1);
    y += <usize>rows * wide;
  }
}

/** Divides by the number of trees and adds the base values to the first targets. */
function finish<T>(y: usize, forest: usize, rows: i32, targets: i32, divisor: T): void {
  const base = forest + load<usize>(forest, 20);
  const bases = load<i32>(forest, 24);
  const gaps = load<i32>(forest, 28);
  for (; rows > 0; rows--) {
    for (let t = 0; t < bases; t++) {
      const at = <usize>t * sizeof<T>();
      const score = load<T>(y + at);
      store<T>(y + at, gaps && unseen<T>(score) ? 0 : score / divisor + load<T>(base + at));
    }
    y += <usize>targets * sizeof<T>();
  }
}

export function trees_f32(
  x: usize, y: usize, forest: usize, columns: i32, scratch: usize, block: i32, begin: i32, end: i32,
): void {
  trees<f32>(x, y, forest, columns, scratch, block, begin, end);
}

export function trees_f64(
  x: usize, y: usize, forest: usize, columns: i32, scratch: usize, block: i32, begin: i32, end: i32,
): void {
  trees<f64>(x, y, forest, columns, scratch, block, begin, end);
}
