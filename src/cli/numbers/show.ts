import { escapeHtml, htmlPage } from '../../core/html.js'
import { fastPng, type Picture } from '../../data/picture.js'
import { MOST_DIGITS, type Reading } from './reader.js'

/** A grey picture in a terminal: each character is two pixels, one above the other, in 24 levels of grey. */
export function halfBlocks({ width, height, data }: Picture): string[] {
  const grey = (value: number) => 232 + Math.round(23 * Math.min(1, Math.max(0, value)))
  return Array.from({ length: Math.ceil(height / 2) }, (_, row) => {
    let line = ''
    for (let x = 0; x < width; x++) {
      const above = data[2 * row * width + x]
      const below = 2 * row + 1 < height ? data[(2 * row + 1) * width + x] : above
      line += `\u001b[38;5;${grey(above)};48;5;${grey(below)}m▀`
    }
    return `${line}\u001b[0m`
  })
}

const bar = (share: number) => '█'.repeat(Math.round(10 * share)).padEnd(10, '·')

/** A bar for the length, and one for each digit that is read. */
export function barLines({ number, probability, length, digits }: Reading): string[] {
  const top = length.indexOf(Math.max(...length))
  return [
    `${number === undefined ? `more than ${MOST_DIGITS} digits` : number === '' ? 'no digit' : number}   ${(100 * probability).toFixed(1)} %`,
    '',
    `digits ${top > MOST_DIGITS ? 'more' : top}  ${bar(length[top])} ${length[top].toFixed(3)}`,
    ...[...(number ?? '')].map((digit, i) => {
      const share = digits[i][Number(digit)]
      const [second, less] = digits[i].map((value, d) => [d, value] as const).sort((a, b) => b[1] - a[1])[1]
      return `     ${digit}  ${bar(share)} ${share.toFixed(3)}   next ${second} ${less.toFixed(3)}`
    }),
  ]
}

/** A grey picture as the URL of a PNG. */
export async function pngUrl({ width, height, data }: Picture): Promise<string> {
  const { encode } = await fastPng()
  const bytes = Uint8Array.from(data, (value) => Math.round(255 * Math.min(1, Math.max(0, value))))
  return `data:image/png;base64,${Buffer.from(encode({ width, height, channels: 1, data: bytes })).toString('base64')}`
}

/** A page of readings. */
export function page(title: string, body: string): string {
  const style = `img { image-rendering: pixelated; vertical-align: top; margin-right: 1rem }
.bar { display: inline-block; height: .8em; background: #2a6fdb }
figure { display: inline-block; margin: .3rem; text-align: center } figcaption { font-size: 12px }`
  return htmlPage(title, style, body)
}

/** A reading as HTML: the crop, the answer, and a bar of probabilities for every place. */
export async function readingHtml(crop: Picture, reading: Reading): Promise<string> {
  const bars = (shares: readonly number[], names: readonly string[]) =>
    `<table>${shares
      .map(
        (share, i) =>
          `<tr><td>${names[i]}</td><td><span class="bar" style="width:${(8 * share).toFixed(2)}rem"></span></td><td class="number">${share.toFixed(4)}</td></tr>`,
      )
      .join('')}</table>`
  const names = Array.from({ length: 10 }, (_, digit) => String(digit))
  const answer = reading.number === undefined ? `more than ${MOST_DIGITS} digits` : reading.number || 'no digit'
  return `<img src="${await pngUrl(crop)}" width="192" height="192" alt="the crop">
<strong style="font-size:3rem">${escapeHtml(answer)}</strong> ${(100 * reading.probability).toFixed(1)} %
<div style="display:flex;flex-wrap:wrap;gap:1.5rem">
<div><h3>How many</h3>${bars(reading.length, [...names.slice(0, MOST_DIGITS + 1), 'more'])}</div>
${[...(reading.number ?? '')].map((digit, i) => `<div><h3>Digit ${i + 1}: ${digit}</h3>${bars(reading.digits[i], names)}</div>`).join('\n')}
</div>`
}
