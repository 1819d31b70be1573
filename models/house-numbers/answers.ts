// Generated test pictures that a reader reads rightly, and those that it reads wrongly, as one SVG:
// npx tsx models/house-numbers/answers.ts [MODEL.onnx] [FILE.svg]
import { writeFileSync } from 'node:fs'
import { loadReader } from '../../src/cli/numbers/load-reader.js'
import { pngUrl } from '../../src/cli/numbers/show.js'
import type { Picture } from '../../src/train.js'
import { GeneratedNumbers, HEADS, loadWorld } from './generate.js'

const [model = 'models/house-numbers/reader-best.onnx', file = 'models/house-numbers/answers.svg'] =
  process.argv.slice(2)
const [COUNT, COLUMNS, ROWS, SIDE, STEP, LINE] = [400, 10, 2, 60, 72, 84]
const reader = await loadReader(model, {})
const { side } = reader
const numbers = new GeneratedNumbers(await loadWorld('test'), side, COUNT, 3)
const { image, label } = numbers.batch(Array.from({ length: COUNT }, (_, i) => i))
const pictures = Array.from({ length: COUNT }, (_, i): Picture => ({
  width: side,
  height: side,
  channels: 1,
  data: (image.data as Float32Array<ArrayBuffer>).slice(i * side * side, (i + 1) * side * side),
}))
const readings = await reader.read(pictures)
const rows = readings.map(({ number }, i) => {
  const [many, ...digits] = (label.data as Int32Array).subarray(i * HEADS, (i + 1) * HEADS)
  return { picture: pictures[i], truth: [...digits].slice(0, many).join(''), answer: number ?? 'more' }
})
const parts: string[] = []
let top = 4
for (const right of [true, false]) {
  const some = rows.filter(({ truth, answer }) => (truth === answer) === right).slice(0, COLUMNS * ROWS)
  parts.push(
    `<text x="4" y="${top + 14}" font-weight="bold">${right ? 'Right' : 'Wrong: what it is → what was read'}</text>`,
  )
  top += 22
  for (const [i, { picture, truth, answer }] of some.entries()) {
    const [x, y] = [4 + (i % COLUMNS) * STEP, top + Math.floor(i / COLUMNS) * LINE]
    parts.push(
      `<image x="${x}" y="${y}" width="${SIDE}" height="${SIDE}" href="${await pngUrl(picture)}"/><text x="${x + SIDE / 2}" y="${y + SIDE + 13}" text-anchor="middle">${right ? answer : `${truth} → ${answer || 'none'}`}</text>`,
    )
  }
  top += Math.ceil(some.length / COLUMNS) * LINE + 6
}
await reader.session.release()
writeFileSync(
  file,
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${COLUMNS * STEP + 4} ${top}" width="${COLUMNS * STEP + 4}" height="${top}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="#fff"/>
${parts.join('\n')}
</svg>
`,
)
console.log(`${rows.filter(({ truth, answer }) => truth === answer).length} of ${COUNT} right; ${file}`)
