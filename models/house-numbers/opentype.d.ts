/** What is used of opentype.js, which brings no declarations. */
declare module 'opentype.js' {
  export interface PathCommand {
    readonly type: 'M' | 'L' | 'Q' | 'C' | 'Z'
    readonly x: number
    readonly y: number
    readonly x1: number
    readonly y1: number
    readonly x2: number
    readonly y2: number
  }
  export interface Font {
    charToGlyph(character: string): {
      getPath(x: number, y: number, size: number): { readonly commands: readonly PathCommand[] }
    }
  }
  const opentype: { parse(buffer: ArrayBuffer): Font }
  export default opentype
}
