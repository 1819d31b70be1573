// Ten generated house numbers, read here and in onnxruntime-web, as pictures with both answers. "npm run demo --
// numbers [--seed N] [--json]"; fails if the two runtimes disagree.
import * as ort from 'onnxruntime-web'
import { readFileSync } from 'node:fs'
import { readingsOf } from '../../src/cli/numbers/reader.js'
import { halfBlocks } from '../../src/cli/numbers/show.js'
import { differenceOf } from '../../src/cli/difference.js'
import { median, msText } from '../../src/core/table.js'
import { toHost } from '../../src/api/tensor.js'
import { InferenceSession } from '../../src/node.js'
import { GeneratedNumbers, loadWorld } from '../../models/house-numbers/generate.js'

const MODEL = 'models/house-numbers/reader-best.onnx'
const COUNT = 10
/** Batches that are timed. */
const TIMED = 20

/** Runs the demo; returns whether both runtimes agree. */
export async function numbersDemo(seed: number, say: (text?: string) => void): Promise<object> {
  const bytes = readFileSync(MODEL)
  const session = await InferenceSession.create(bytes)
  const peer = await ort.InferenceSession.create(bytes)
  const input = session.inputMetadata[0]
  const side = input.isTensor ? Number(input.shape[3]) : NaN
  const numbers = new GeneratedNumbers(await loadWorld('test'), side, COUNT, seed)
  const { image, label } = numbers.batch(Array.from({ length: COUNT }, (_, i) => i))
  const data = image.data as Float32Array
  const feeds = { picture: new ort.Tensor('float32', data, [COUNT, 1, side, side]) }
  const [ours, theirs] = [await session.run({ picture: image }), await peer.run(feeds)]
  const read = (lengths: unknown, digits: unknown) => readingsOf(lengths as Float32Array, digits as Float32Array)
  const [here, there] = [read(ours.length.data, ours.digits.data), read(theirs.length.data, theirs.digits.data)]
  const rows = here.map((reading, i) => {
    const labels = [...(label.data as Int32Array)].slice(i * 6, (i + 1) * 6)
    const truth = labels.slice(1, 1 + labels[0]).join('')
    say()
    const crop = {
      width: side,
      height: side,
      channels: 1 as const,
      data: data.slice(i * side * side, (i + 1) * side * side),
    }
    const text = [
      `it is            ${truth}`,
      `lanewise         ${reading.number ?? 'more'}   ${(100 * reading.probability).toFixed(1)} %${reading.number === truth ? '' : '   ← wrong'}`,
      `onnxruntime-web  ${there[i].number ?? 'more'}   ${(100 * there[i].probability).toFixed(1)} %`,
    ]
    halfBlocks(crop).forEach((line, row) => say(`${line}  ${text[row - 2] ?? ''}`.trimEnd()))
    return { truth, lanewise: reading.number ?? null, onnxruntimeWeb: there[i].number ?? null }
  })
  const agree = (['length', 'digits'] as const).every(
    (name) =>
      differenceOf(toHost(ours[name], name), {
        shape: theirs[name].dims,
        data: theirs[name].data as Float32Array,
        dtype: 'float32',
      }).agrees,
  )
  const times = { lanewise: [] as number[], onnxruntimeWeb: [] as number[] }
  for (let i = 0; i < TIMED; i++) {
    let began = performance.now()
    await session.run({ picture: image })
    times.lanewise.push(performance.now() - began)
    began = performance.now()
    await peer.run(feeds)
    times.onnxruntimeWeb.push(performance.now() - began)
  }
  const [fast, slow] = [median(times.lanewise) / COUNT, median(times.onnxruntimeWeb) / COUNT]
  say()
  say(
    `${rows.filter(({ truth, lanewise }) => truth === lanewise).length} of ${COUNT} right; ${agree ? 'both runtimes give the same numbers' : 'the runtimes DISAGREE'}`,
  )
  say(`a picture takes ${msText(fast)} here and ${msText(slow)} in onnxruntime-web: ${(slow / fast).toFixed(1)}×`)
  await session.release()
  await peer.release()
  return { seed, rows, agree, msPerPicture: { lanewise: fast, onnxruntimeWeb: slow } }
}
