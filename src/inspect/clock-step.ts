/**
 * The smallest step that the clock makes here, in milliseconds: in browsers 0.1 or 1, against attacks by timing. What
 * is shorter cannot be timed by itself.
 */
export function clockStep(): number {
  let step = Infinity
  for (let i = 0; i < 3; i++) {
    const start = performance.now()
    let now = start
    while (now === start) now = performance.now()
    step = Math.min(step, now - start)
  }
  return step
}
