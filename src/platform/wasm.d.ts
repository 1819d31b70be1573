declare module '*.wasm' {
  /** Base64. */
  const text: string
  export default text
}
