import type { Reading } from '../../src/cli/numbers/reader.js'
import type { Found } from '../../src/cli/numbers/scan.js'
import type { Picture } from '../../src/data/picture.js'

/** A grey picture to look for numbers in. */
export interface NumbersTask {
  readonly id: number
  readonly picture: Picture
  /** The height of the smallest windows, as a share of the picture's. */
  readonly least: number
}

/** What is said of it. */
export type NumbersAnswer = { readonly id: number } & (
  | { readonly kind: 'progress'; readonly share: number }
  | { readonly kind: 'done'; readonly found: readonly Found[]; readonly whole: Reading }
  | { readonly kind: 'failed'; readonly message: string }
)
