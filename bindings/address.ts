declare const address: unique symbol

/** An address in the memory of a context: a number that no size or stride can stand in for. */
export type WasmAddress = number & { readonly [address]: true }

/** A number that is no address: a plain number is one, though it may be anything. */
type WasmNumber = number & { readonly [address]?: never }

/**
 * A kernel that takes no address for a number. In the declarations that asc writes, numbers are `number`, which an
 * address is as well.
 */
export type Strict<F> = F extends (...args: infer P) => infer R
  ? (...args: { [I in keyof P]: number extends P[I] ? WasmNumber : P[I] }) => R
  : F
