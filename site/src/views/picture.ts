import { InferenceSession, Tensor } from '../../../src/browser.js'
import { PictureCaptioner, type FoundCaption, type SeenWord } from '../../../src/cli/captions/captioner.js'
import type { Reading } from '../../../src/cli/numbers/reader.js'
import type { Found } from '../../../src/cli/numbers/scan.js'
import { msText } from '../../../src/core/table.js'
import { Random } from '../../../src/core/random.js'
import { planesOf, resizedPicture, type Picture } from '../../../src/data/picture.js'
import { DrawnScenes, SCENE_SIDE } from '../../../src/data/scenes.js'
import { h } from '../../../src/view/dom.js'
import { percent } from '../bars.js'
import { dropZone, fetched } from '../files.js'
import type { NumbersAnswer, NumbersTask } from '../numbers-task.js'
import { greyOf, pixelsOf, readPicture } from '../picture.js'
import scenesUrl from '../../../models/captions/scenes.onnx?url'
import photographsUrl from '../../../models/captions/attention-best.onnx?url'

type Task = 'numbers' | 'scenes' | 'photographs' | 'own'

/** Photographs are made this small before they are searched for numbers. */
const SEARCHED = 480
/** Numbers at least this high, as a share of the picture, are found quickly. */
const LARGE = 0.25
/** Answers of a classifier that are shown. */
const TOP = 5
/** Mean and deviation of ImageNet, which most classifiers were trained with. */
const [MEAN, DEVIATION] = [
  [0.485, 0.456, 0.406],
  [0.229, 0.224, 0.225],
]

let scenes: Promise<PictureCaptioner> | undefined
let photographs: Promise<PictureCaptioner> | undefined
let own: Promise<{ name: string; session: InferenceSession }> | undefined
let labels: readonly string[] = []

/** A promise that is forgotten when it fails, so that the next attempt begins anew. */
function once<T>(
  known: Promise<T> | undefined,
  make: () => Promise<T>,
  keep: (made: Promise<T> | undefined) => void,
): Promise<T> {
  if (known) return known
  const made = make()
  keep(made)
  made.catch(() => keep(undefined))
  return made
}

/** A picture is dropped, pasted or taken by the camera; a network says what is in it. */
export function picture(place: HTMLElement): () => void {
  let task: Task = 'numbers'
  let current: Picture | undefined
  let stream: MediaStream | undefined
  let turn = 0
  let worker: Worker | undefined

  const canvas = h('canvas', { class: 'photograph', role: 'img', 'aria-label': 'The picture' })
  const marks = h('div', { class: 'marks', 'aria-hidden': 'true' })
  const answer = h('div', { 'aria-live': 'polite' })
  const status = h('p', { class: 'facts', role: 'status' })
  const video = h('video', { playsinline: true, muted: true, class: 'photograph' })
  video.hidden = true
  const shutter = h('button', { type: 'button', click: () => shoot() }, 'Take the picture')
  const small = h('input', { type: 'checkbox', id: 'small' })
  small.addEventListener('change', () => look())
  const extras = h('div', { class: 'buttons' })
  shutter.hidden = true

  const failed = (error: unknown) => {
    status.textContent = ''
    answer.replaceChildren(
      h('p', { class: 'problem', role: 'alert' }, error instanceof Error ? error.message : String(error)),
    )
  }
  const look = () => {
    if (!current) return
    const mine = ++turn
    show(canvas, current)
    marks.replaceChildren()
    answer.replaceChildren()
    status.textContent = 'Looking …'
    const [seen, what] = [current, task]
    // What has been written is shown before the page is busy.
    requestAnimationFrame(() =>
      setTimeout(() => {
        const start = performance.now()
        answers[what](seen)
          .then((element) => {
            if (mine !== turn) return
            answer.replaceChildren(...element)
            status.textContent = `${timeText(performance.now() - start)}, loading the network included if it was not here yet.`
          })
          .catch((error) => mine === turn && failed(error))
      }),
    )
  }
  const take = (file: Blob, name: string) =>
    void readPicture(file, name).then((read) => ((current = read), look()), failed)

  const answers: Readonly<Record<Task, (seen: Picture) => Promise<HTMLElement[]>>> = {
    async numbers(seen) {
      const scale = Math.min(1, SEARCHED / Math.max(seen.width, seen.height))
      const size = [Math.max(1, Math.round(seen.width * scale)), Math.max(1, Math.round(seen.height * scale))] as const
      const grey = resizedPicture(greyOf(seen), ...size)
      const { found, whole } = await readNumbers(grey)
      marks.replaceChildren(...found.map((one, i) => mark(one, grey, i)))
      const best = found.length > 0 ? h('strong', {}, found[0].reading.number ?? '') : 'No number was found.'
      return [
        h('p', { class: 'answer' }, best),
        h(
          'ul',
          {},
          ...found.map(({ reading }, i) =>
            h(
              'li',
              {},
              `${i === 0 ? 'the best' : `number ${i + 1}`}: ${numberText(reading)}, ${percent(reading.probability)} where it is read best`,
            ),
          ),
        ),
        h(
          'p',
          { class: 'facts' },
          `The whole picture as one crop reads ${numberText(whole)} (${percent(whole.probability)}).`,
        ),
      ]
    },
    async scenes(seen) {
      const captioner = await once(
        scenes,
        async () => PictureCaptioner.load(await fetched(scenesUrl)),
        (made) => void (scenes = made),
      )
      return captioned(captioner, seen)
    },
    async photographs(seen) {
      if (!photographs)
        throw new Error(
          'Photographs are described by what MobileNetV2 sees in them, and its file is not part of this page: add it above.',
        )
      return captioned(await photographs, seen)
    },
    async own(seen) {
      if (!own) throw new Error('Add a classifier above: an ONNX file that takes pictures [N, 3, height, width].')
      return classified(await own, seen)
    },
  }
  const readNumbers = (grey: Picture): Promise<Extract<NumbersAnswer, { kind: 'done' }>> =>
    new Promise((done, refuse) => {
      worker ??= new Worker(new URL('../numbers.worker.ts', import.meta.url), { type: 'module', name: 'numbers' })
      const id = turn
      worker.onerror = (event) => refuse(new Error(event.message || 'the worker could not be started'))
      worker.onmessage = ({ data }: MessageEvent<NumbersAnswer>) => {
        if (data.id !== id) return
        if (data.kind === 'progress')
          status.textContent = `${(100 * data.share).toFixed(0)} % of the windows are read …`
        else if (data.kind === 'done') done(data)
        else refuse(new Error(data.message))
      }
      const task: NumbersTask = { id, picture: grey, least: small.checked ? 0 : LARGE }
      worker.postMessage(task)
    })
  const captioned = async (captioner: PictureCaptioner, seen: Picture) => {
    const [begun] = await captioner.begin([seen])
    const found = await captioner.describe(begun)
    const words = await captioner.look(begun, found[0].tokens)
    return captionFigures(found, words, seen)
  }

  const choose = () => {
    extras.replaceChildren()
    if (task === 'numbers')
      extras.append(
        h(
          'button',
          { type: 'button', class: 'quiet', click: () => ((current = drawnNumber()), look()) },
          'Try a drawn number',
        ),
        h('label', { for: 'small' }, small, ' look for small numbers, too: that takes ten times as long'),
      )
    if (task === 'scenes')
      extras.append(
        h(
          'button',
          {
            type: 'button',
            click: () => {
              current = drawnScene()
              look()
            },
          },
          'Draw a scene',
        ),
        'It knows circles, squares, triangles and crosses in six colours, nothing else.',
      )
    if (task === 'photographs')
      extras.append(
        dropZone('MobileNetV2 as ONNX', '.onnx', (file) => {
          const network = file.arrayBuffer().then((buffer) => new Uint8Array(buffer))
          photographs = network.then(async (bytes) =>
            PictureCaptioner.load(await fetched(photographsUrl), { features: () => bytes }),
          )
          photographs.then(look, (error) => {
            photographs = undefined
            failed(error)
          })
          status.textContent = 'Loading …'
        }),
      )
    if (task === 'own')
      extras.append(
        dropZone('a classifier', '.onnx', (file) => {
          own = file.arrayBuffer().then(async (buffer) => ({
            name: file.name,
            session: await InferenceSession.create(new Uint8Array(buffer)),
          }))
          own.then(
            ({ name }) => {
              status.textContent = `${name} is ready.`
              look()
            },
            (error) => {
              own = undefined
              failed(error)
            },
          )
        }),
        dropZone('labels, one a line', '.txt', (file) => {
          void file.text().then((text) => {
            labels = text.trim().split(/\r?\n/)
            look()
          }, failed)
        }),
      )
    look()
  }

  const camera = async () => {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } })
    video.srcObject = stream
    await video.play()
    video.hidden = shutter.hidden = false
    canvas.hidden = true
  }
  const shoot = () => {
    current = pixelsOf(video)
    dark()
    look()
  }
  const dark = () => {
    for (const track of stream?.getTracks() ?? []) track.stop()
    stream = undefined
    video.hidden = shutter.hidden = true
    canvas.hidden = false
  }
  const paste = (event: ClipboardEvent) => {
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith('image/'))
    if (file) take(file, 'what was pasted')
  }
  addEventListener('paste', paste)

  const tasks: readonly (readonly [Task, string])[] = [
    ['numbers', 'Read a house number'],
    ['scenes', 'Describe a drawn scene'],
    ['photographs', 'Describe a photograph'],
    ['own', 'Ask a classifier of yours'],
  ]
  place.append(
    h('h1', {}, 'A picture'),
    h(
      'p',
      { class: 'lead' },
      'Drop a picture, paste one, or take one with the camera, and see what a network makes of it and where it looked. The picture stays on this device.',
    ),
    h(
      'section',
      { class: 'panel', 'aria-label': 'Choose a picture' },
      h(
        'fieldset',
        {},
        h('legend', {}, 'What to do with it'),
        ...tasks.map(([value, title], i) => {
          const radio = h('input', { type: 'radio', name: 'task', value, id: `task-${value}` })
          radio.checked = i === 0
          radio.addEventListener('change', () => {
            task = value
            choose()
          })
          return h('label', { for: `task-${value}` }, radio, ` ${title}`)
        }),
      ),
      extras,
      dropZone('a picture', 'image/*', (file) => take(file, file.name)),
      h(
        'div',
        { class: 'buttons' },
        h(
          'button',
          {
            type: 'button',
            class: 'quiet',
            click: () =>
              void camera().catch((error: Error) => failed(new Error(`The camera cannot be used: ${error.message}`))),
          },
          'Use the camera',
        ),
        h('span', { class: 'facts' }, 'Or paste a picture anywhere on this page.'),
      ),
    ),
    h(
      'div',
      { class: 'columns' },
      h(
        'section',
        { class: 'panel', 'aria-label': 'The picture' },
        h('div', { class: 'frame' }, canvas, video, marks),
        shutter,
      ),
      h('section', { class: 'panel', 'aria-label': 'What was seen' }, answer, status),
    ),
    h(
      'section',
      { class: 'prose' },
      h('h2', {}, 'How it looks'),
      h(
        'p',
        {},
        'The reader of house numbers has learned from generated pictures alone: 0.66 million weights that look at crops of 48 × 48 greys and say how many digits there are and which. In a whole photograph it reads some hundred windows of eight scales, and windows that overlap vote. Of 256 photographs of real houses, cut by their boxes, it reads 81 % without a single wrong digit.',
      ),
      h(
        'p',
        {},
        'The captioners say one word after another. Before each word they weigh the places of the picture anew; what they weighed is the light on the small pictures under a caption: attention.',
      ),
    ),
  )
  choose()
  return () => {
    turn++
    removeEventListener('paste', paste)
    dark()
    worker?.terminate()
  }
}

function show(canvas: HTMLCanvasElement, { width, height, data }: Picture): void {
  canvas.width = width
  canvas.height = height
  const context = canvas.getContext('2d')
  if (!context) return
  const pixels = context.createImageData(width, height)
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = Math.round(255 * data[3 * i + c])
    pixels.data[4 * i + 3] = 255
  }
  context.putImageData(pixels, 0, 0)
}

function timeText(ms: number): string {
  return ms < 1000 ? msText(ms) : `${(ms / 1000).toFixed(1)} s`
}

function numberText({ number }: Reading): string {
  return number === undefined ? 'more than five digits' : number === '' ? 'no number' : number
}

function mark({ box, reading }: Found, { width, height }: Picture, i: number): HTMLElement {
  const element = h('div', { class: i === 0 ? 'mark best' : 'mark' }, h('span', {}, reading.number ?? ''))
  Object.assign(element.style, {
    left: `${(100 * box.left) / width}%`,
    top: `${(100 * box.top) / height}%`,
    width: `${(100 * box.width) / width}%`,
    height: `${(100 * box.height) / height}%`,
  })
  return element
}

/** A number on a painted plate, for those who have no house at hand. */
function drawnNumber(): Picture {
  const random = Random.at(Date.now())
  const canvas = h('canvas', { width: 320, height: 240 })
  const context = canvas.getContext('2d')
  if (!context) throw new Error('this browser draws no canvases')
  const wall = 150 + random.integer(80)
  context.fillStyle = `rgb(${wall} ${wall - 20} ${wall - 45})`
  context.fillRect(0, 0, 320, 240)
  context.translate(90 + random.integer(60), 80 + random.integer(40))
  context.rotate(random.between(-0.08, 0.08))
  context.fillStyle = '#1d3f77'
  context.fillRect(0, 0, 130, 84)
  Object.assign(context, {
    fillStyle: '#fff',
    font: 'bold 56px sans-serif',
    textAlign: 'center',
    textBaseline: 'middle',
  })
  context.fillText(String(10 + random.integer(90)), 65, 45)
  return pixelsOf(canvas)
}

function drawnScene(): Picture {
  // Of those whose captions the network has never been told.
  const { picture: planes } = new DrawnScenes(1, Date.now() % 1e6, true).at(0)
  const side = SCENE_SIDE
  const data = new Float32Array(planes.length)
  for (let i = 0; i < side * side; i++) for (let c = 0; c < 3; c++) data[3 * i + c] = planes[c * side * side + i]
  return { width: side, height: side, channels: 3, data }
}

function captionFigures(found: readonly FoundCaption[], words: readonly SeenWord[], seen: Picture): HTMLElement[] {
  return [
    h('h2', { class: 'caption' }, `“${found[0].caption}”`),
    h(
      'div',
      { class: 'words' },
      ...words.map(({ word, probability, places }) => {
        const canvas = h('canvas', { role: 'img', 'aria-label': `where “${word}” was seen` })
        if (places) shade(canvas, seen, places)
        return h(
          'figure',
          {},
          places ? canvas : null,
          h('figcaption', {}, h('b', {}, word), ` ${percent(probability)}`),
        )
      }),
    ),
    h('h3', {}, 'What else it could have said'),
    h(
      'ol',
      { start: 2 },
      ...found
        .slice(1)
        .map(({ caption, logProbability }) => h('li', {}, `${caption} (log probability ${logProbability.toFixed(2)})`)),
    ),
  ]
}

/** The picture, dark where a word was not looked for. */
function shade(canvas: HTMLCanvasElement, seen: Picture, places: Float32Array): void {
  const side = 112
  const grid = Math.round(Math.sqrt(places.length))
  const small: Picture = { width: grid, height: grid, channels: 1, data: Float32Array.from(places) }
  const map = resizedPicture(resizedPicture(small, 4 * grid, 4 * grid), side, side).data
  const most = map.reduce((a, b) => Math.max(a, b), 1e-9)
  const { data } = resizedPicture(seen, side, side)
  const lit = Float32Array.from(
    data,
    (value, i) => Math.min(1, Math.max(0, value)) * (0.15 + 0.85 * (map[Math.floor(i / 3)] / most)),
  )
  show(canvas, { width: side, height: side, channels: 3, data: lit })
}

async function classified(
  { name, session }: { name: string; session: InferenceSession },
  seen: Picture,
): Promise<HTMLElement[]> {
  const [input] = session.inputMetadata
  if (session.inputMetadata.length !== 1 || !input.isTensor || input.shape.length !== 4)
    throw new Error(`${name} takes no picture: it has the inputs ${session.inputNames.join(', ')}`)
  const axes = input.shape.map((axis) => (typeof axis === 'number' ? axis : undefined))
  const last = axes[3] === 3 && axes[1] !== 3
  const [height, width] = last ? [axes[1] ?? 224, axes[2] ?? 224] : [axes[2] ?? 224, axes[3] ?? 224]
  const { data } = resizedPicture(seen, width, height)
  const whole = input.type === 'uint8' || input.type === 'int8'
  const scaled = Float32Array.from(data, (value, i) => (whole ? 255 * value : (value - MEAN[i % 3]) / DEVIATION[i % 3]))
  const values = last ? scaled : planesOf(scaled, 3)
  const dims = last ? [1, height, width, 3] : [1, 3, height, width]
  const tensor = whole ? new Tensor('uint8', Uint8Array.from(values), dims) : new Tensor('float32', values, dims)
  const results = await session.run({ [input.name]: tensor })
  const scores = Array.from(results[session.outputNames[0]].data as ArrayLike<number>, Number)
  const most = scores.reduce((a, b) => Math.max(a, b), -Infinity)
  // Scores become probabilities, unless they are such already.
  const sum = scores.reduce((a, b) => a + b, 0)
  const already = scores.every((score) => score >= 0) && Math.abs(sum - 1) < 1e-2
  const powers = scores.map((score) => Math.exp(score - most))
  const total = powers.reduce((a, b) => a + b, 0)
  const shares = already ? scores : powers.map((power) => power / total)
  const best = shares
    .map((share, i) => ({ share, i }))
    .sort((a, b) => b.share - a.share)
    .slice(0, TOP)
  return [
    h('h2', {}, name),
    h('ol', {}, ...best.map(({ share, i }) => h('li', {}, `${labels[i] ?? `class ${i}`}: ${percent(share)}`))),
    h(
      'p',
      { class: 'facts' },
      `Scaled to ${width} × ${height}${whole ? '' : ', with the means and deviations of ImageNet'}.`,
    ),
  ]
}
