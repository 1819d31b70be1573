declare const address: unique symbol

/** An address in the memory of a context: a number that no size or stride can stand in for. */
export type WasmAddress = number & { readonly [address]: true }
