// What @gutenye/ocr-node reads in a picture of a line of text.
import Ocr from '@gutenye/ocr-node'
import sharp from 'sharp'

const text = `<svg xmlns="http://www.w3.org/2000/svg" width="480" height="120"><rect width="480" height="120" fill="white"/>
<text x="20" y="76" font-family="DejaVu Sans, sans-serif" font-size="44">Hello World 42</text></svg>`
await sharp(Buffer.from(text)).png().toFile('line.png')
const ocr = await Ocr.create()
const lines = await ocr.detect('line.png')
const result = lines.map(({ text, mean, box }) => ({ text, mean, box }))
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
