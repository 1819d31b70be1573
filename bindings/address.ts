declare const address: unique symbol

/** An address in the memory of a context: a number that no size or stride can stand in for. */
export type WasmAddress = number & { readonly [address]: true }

/** The address some bytes further. */
export function addressPlus(from: WasmAddress, bytes: number): WasmAddress {
  return (from + bytes) as WasmAddress
}
