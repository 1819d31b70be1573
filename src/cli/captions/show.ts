import { fastPng, resizedPicture, type Picture } from '../../data/picture.js'
import { escapeHtml, htmlPage } from '../../core/html.js'
import type { FoundCaption, SeenWord } from './captioner.js'

/** The side of the maps, and of what they lie over. */
const SIDE = 224
/** How dark a place becomes that is not looked at. */
const SHADE = 0.8

/** A picture in colour in a terminal: each character is two pixels, one above the other. */
export function colourBlocks({ width, height, data }: Picture): string[] {
  const at = (x: number, y: number) =>
    [0, 1, 2].map((c) => Math.round(255 * Math.min(1, Math.max(0, data[(y * width + x) * 3 + c])))).join(';')
  return Array.from({ length: Math.floor(height / 2) }, (_, row) => {
    let line = ''
    for (let x = 0; x < width; x++) line += `\u001b[38;2;${at(x, 2 * row)};48;2;${at(x, 2 * row + 1)}m▀`
    return `${line}\u001b[0m`
  })
}

/** Planes of red, green and blue as a picture. */
export function pictureOf(planes: Float32Array, side: number): Picture {
  const area = side * side
  const data = new Float32Array(3 * area)
  for (let i = 0; i < area; i++) for (let c = 0; c < 3; c++) data[3 * i + c] = planes[c * area + i]
  return { width: side, height: side, channels: 3, data }
}

/** The share of each place, enlarged smoothly: linear twice, so that it has no edges. */
export function smoothMap(places: Float32Array, side = SIDE): Float32Array {
  const grid = Math.sqrt(places.length)
  const small: Picture = { width: grid, height: grid, channels: 1, data: Float32Array.from(places) }
  const middle = resizedPicture(small, 4 * grid, 4 * grid)
  return resizedPicture(middle, side, side).data
}

async function url(channels: 2 | 3, width: number, height: number, data: Uint8Array): Promise<string> {
  const { encode } = await fastPng()
  return `data:image/png;base64,${Buffer.from(encode({ width, height, channels, data })).toString('base64')}`
}

/** The photograph once; the words' maps are shades over it. */
export async function captionHtml(
  name: string,
  picture: Picture,
  found: readonly (FoundCaption & { readonly words: readonly SeenWord[] })[],
): Promise<string> {
  const { width, height, data } = resizedPicture(picture, SIDE, SIDE)
  const photograph = await url(
    3,
    width,
    height,
    Uint8Array.from(data, (value) => Math.round(255 * Math.min(1, Math.max(0, value)))),
  )
  const sections: string[] = []
  for (const [i, { caption, logProbability, words }] of found.entries()) {
    const figures: string[] = []
    for (const { word, probability, places } of words)
      figures.push(
        `<figure>${places ? `<div class="seen"><img src="${await url(2, SIDE / 2, SIDE / 2, shades(places))}" alt="where “${escapeHtml(word)}” was seen"></div>` : ''}<figcaption>${escapeHtml(word)} <small>${(100 * probability).toFixed(0)} %</small></figcaption></figure>`,
      )
    sections.push(
      `<section><h2>${escapeHtml(caption)}</h2><p>${i === 0 ? 'The best' : `Number ${i + 1}`} of ${found.length}; log probability ${logProbability.toFixed(2)}</p><div class="words">${figures.join('\n')}</div></section>`,
    )
  }
  const style = `.words { display: flex; flex-wrap: wrap; gap: .8rem }
figure { margin: 0; text-align: center } small { color: #666 }
.photograph, .seen { width: 168px; height: 168px; background: url(${photograph}) 0 0 / 100% 100% }
.photograph { width: ${SIDE}px; height: ${SIDE}px }
.seen img { width: 100%; height: 100%; display: block }`
  const body = `<div class="photograph" role="img" aria-label="${escapeHtml(name)}"></div>
${sections.join('\n')}`
  return htmlPage(found.length > 0 ? `${name}: ${found[0].caption}` : name, style, body)
}

/** Black with an alpha: clear where most was looked at. */
function shades(places: Float32Array): Uint8Array {
  const map = smoothMap(places, SIDE / 2)
  const most = map.reduce((a, b) => Math.max(a, b), 0)
  const out = new Uint8Array(2 * map.length)
  map.forEach((share, i) => (out[2 * i + 1] = Math.round(255 * SHADE * (1 - share / most))))
  return out
}
