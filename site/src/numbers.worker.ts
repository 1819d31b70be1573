// Reads some hundred or thousand windows of a picture, beside the page.
import { InferenceSession } from '../../src/browser.js'
import { NumberReader } from '../../src/cli/numbers/reader.js'
import { scan } from '../../src/cli/numbers/scan.js'
import { resizedPicture } from '../../src/data/picture.js'
import type { NumbersAnswer, NumbersTask } from './numbers-task.js'
import model from '../../models/house-numbers/reader-best.onnx?url'

let loading: Promise<NumberReader> | undefined

function say(answer: NumbersAnswer): void {
  postMessage(answer)
}

async function read({ id, picture, least }: NumbersTask): Promise<void> {
  loading ??= InferenceSession.create(model).then((session) => NumberReader.of(session, 'house-numbers'))
  const reader = await loading
  const [whole] = await reader.read([resizedPicture(picture, reader.side, reader.side)])
  const found = await scan(reader, picture, { least, onProgress: (share) => say({ id, kind: 'progress', share }) })
  say({ id, kind: 'done', found, whole })
}

addEventListener('message', ({ data }: MessageEvent<NumbersTask>) => {
  read(data).catch((error: Error) => {
    loading = undefined
    say({ id: data.id, kind: 'failed', message: error.message })
  })
})
