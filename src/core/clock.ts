/** Milliseconds from some moment on; the scope of an audio worklet has no `performance`. */
export const now: () => number = globalThis.performance ? () => performance.now() : Date.now
