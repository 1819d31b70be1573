import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { InferenceSession, Tensor } from '../../../src/browser.js'
import { Random } from '../../../src/core/random.js'
import { drawDigit } from '../../../src/data/digits.js'
import { h } from '../../../src/view/dom.js'
import { bars, percent, type Bars } from '../bars.js'
import { digitImage, paint, SIDE } from '../digit-image.js'
import { drawPad } from '../draw-pad.js'
import { download, dropZone } from '../files.js'
import type { Drawing, TeachAnswer, TeachTask } from '../teach-task.js'

const [LEAST_CLASSES, MOST_CLASSES, LEAST_EXAMPLES] = [2, 12, 3]
/** What the quick start draws. */
const QUICK = { classes: ['3', '5', '8'], each: 12 }

/** What was drawn stays while other views are looked at. */
const lesson: { classes: string[]; examples: Drawing[]; onnx?: Uint8Array<ArrayBuffer> } = {
  classes: ['A', 'B', 'C'],
  examples: [],
}

/** Own signs are drawn, learned in a worker, and read. */
export function teach(place: HTMLElement): () => void {
  let chosen = 0
  let worker: Worker | undefined
  let session: InferenceSession | undefined
  let chart: uPlot | undefined
  let names: readonly string[] = lesson.classes
  let shares: Bars = bars(names)

  const shelf = h('div', { class: 'shelf' })
  const status = h('p', { class: 'facts', role: 'status' })
  const curve = h('div', { class: 'curve', role: 'img', 'aria-label': 'The loss, step by step' })
  const matrix = h('div', {})
  const tested = h('div', { class: 'tested' })
  const answer = h('output', { class: 'answer', 'aria-live': 'polite' })
  const steps = h('input', { type: 'number', id: 'steps', min: 10, max: 2000, step: 10, value: 150 })
  const train = h('button', { type: 'button', click: () => start() }, 'Train')
  const stop = h('button', { type: 'button', class: 'quiet', click: () => halt('Stopped.') }, 'Stop')
  const save = h(
    'button',
    { type: 'button', class: 'quiet', click: () => lesson.onnx && download('my-signs.onnx', lesson.onnx) },
    'Download the ONNX file',
  )
  stop.disabled = save.disabled = true

  const pad = drawPad('A pad to draw an example on', () => {})
  const testPad = drawPad('A pad to test the network on', () => void test().catch(failed))
  const failed = (error: unknown) => {
    status.textContent = error instanceof Error ? error.message : String(error)
    status.classList.add('problem')
  }
  const tell = (text: string) => {
    status.textContent = text
    status.classList.remove('problem')
  }

  const shelves = () => {
    shelf.replaceChildren(
      ...lesson.classes.map((name, label) => {
        const mine = lesson.examples.filter((example) => example.label === label)
        const input = h('input', {
          type: 'text',
          value: name,
          maxlength: 12,
          'aria-label': `Name of sign ${label + 1}`,
        })
        input.addEventListener('change', () => {
          lesson.classes[label] = input.value.trim() || name
          shelves()
        })
        const radio = h('input', { type: 'radio', name: 'sign', id: `sign-${label}`, value: label })
        radio.checked = label === chosen
        radio.addEventListener('change', () => {
          chosen = label
          shelves()
        })
        return h(
          'div',
          { class: label === chosen ? 'sign chosen' : 'sign' },
          radio,
          h('label', { for: `sign-${label}` }, h('span', { class: 'hidden' }, `Draw ${name}`)),
          input,
          h('span', { class: 'facts' }, `${mine.length} drawn`),
          h(
            'span',
            { class: 'thumbs' },
            ...mine.slice(-14).map(({ image }) => {
              const thumb = h('canvas', { class: 'thumb', 'aria-hidden': 'true' })
              requestAnimationFrame(() => paint(thumb, image))
              return thumb
            }),
          ),
          lesson.classes.length > LEAST_CLASSES &&
            h(
              'button',
              { type: 'button', class: 'quiet small', 'aria-label': `Remove ${name}`, click: () => remove(label) },
              '×',
            ),
        )
      }),
    )
    const enough = lesson.classes.every(
      (_, label) => lesson.examples.filter((one) => one.label === label).length >= LEAST_EXAMPLES,
    )
    train.disabled = !enough || worker !== undefined
    if (!worker && !lesson.onnx)
      tell(enough ? 'Ready to train.' : `Draw at least ${LEAST_EXAMPLES} of each sign; 8 or more make it good.`)
  }
  const remove = (label: number) => {
    lesson.classes.splice(label, 1)
    lesson.examples = lesson.examples
      .filter((one) => one.label !== label)
      .map((one) => ({ ...one, label: one.label > label ? one.label - 1 : one.label }))
    chosen = Math.min(chosen, lesson.classes.length - 1)
    shelves()
  }
  const add = () => {
    if (pad.strokes.length === 0) return tell('Draw something first.')
    lesson.examples.push({ image: digitImage(pad.strokes), label: chosen })
    pad.clear()
    shelves()
  }
  const quick = () => {
    const random = Random.at(Date.now())
    lesson.classes = [...QUICK.classes]
    lesson.examples = QUICK.classes.flatMap((name, label) =>
      Array.from({ length: QUICK.each }, () => ({ image: drawDigit(Number(name), SIDE, random), label })),
    )
    chosen = 0
    shelves()
  }

  const colours = () => {
    const style = getComputedStyle(curve)
    return { text: style.color, line: style.getPropertyValue('--line'), accent: style.getPropertyValue('--accent') }
  }
  const begin = (): { xs: number[]; ys: number[] } => {
    chart?.destroy()
    const { text } = colours()
    // Canvas wants a colour that it can parse: those of light-dark() are taken from elements that have them.
    const accent = getComputedStyle(train).backgroundColor
    const grid = { stroke: getComputedStyle(shelf).borderTopColor, width: 1 }
    chart = new uPlot(
      {
        width: Math.max(220, curve.clientWidth),
        height: 220,
        cursor: { show: false },
        legend: { show: false },
        scales: { x: { time: false } },
        axes: [
          { stroke: text, grid, ticks: grid, label: 'step' },
          { stroke: text, grid, ticks: grid, label: 'loss' },
        ],
        series: [{}, { stroke: accent, width: 2 }],
      },
      [[], []],
      curve,
    )
    return { xs: [], ys: [] }
  }

  const start = () => {
    const task: TeachTask = {
      classes: [...lesson.classes],
      examples: lesson.examples,
      steps: Math.min(2000, Math.max(10, Math.round(Number(steps.value)) || 150)),
      batchSize: 24,
    }
    const { xs, ys } = begin()
    matrix.replaceChildren()
    worker = new Worker(new URL('../teach.worker.ts', import.meta.url), { type: 'module', name: 'teach' })
    ;[train.disabled, stop.disabled] = [true, false]
    tell('Loading what trains …')
    worker.addEventListener('error', (event) => {
      halt('')
      failed(new Error(event.message || 'the worker could not be started'))
    })
    worker.addEventListener('message', ({ data }: MessageEvent<TeachAnswer>) => {
      if (data.kind === 'step') {
        xs.push(data.step)
        ys.push(data.loss)
        chart?.setData([xs, ys])
        tell(`Step ${data.step} of ${task.steps}, loss ${data.loss.toFixed(3)}`)
        curve.setAttribute('aria-label', `The loss after ${data.step} steps: ${data.loss.toFixed(3)}`)
      } else if (data.kind === 'failed') {
        halt('')
        failed(new Error(data.message))
      } else {
        lesson.onnx = data.onnx
        halt(
          `Trained: ${data.steps} steps in ${(data.ms / 1000).toFixed(1)} s, a file of ${(data.onnx.length / 1000).toFixed(0)} kB. Draw below to test it.`,
        )
        matrix.replaceChildren(...confusionTable(task.classes, data.confusion, data.held))
        void load(data.onnx, 'what was just trained').catch(failed)
      }
    })
    worker.postMessage(task)
  }
  const halt = (text: string) => {
    worker?.terminate()
    worker = undefined
    stop.disabled = true
    shelves()
    if (text) tell(text)
  }

  const load = async (onnx: Uint8Array<ArrayBuffer>, what: string) => {
    const next = await InferenceSession.create(onnx)
    const said = next.metadata.get('classes')
    if (said === undefined || next.inputNames.join() !== 'image') {
      await next.release()
      throw new Error('this file was not made by this page: it does not name its signs')
    }
    await session?.release()
    session = next
    names = JSON.parse(said) as string[]
    lesson.onnx = onnx
    save.disabled = false
    shares = bars(names)
    tested.replaceChildren(
      h('p', { class: 'facts' }, `Reads ${names.join(', ')}: ${what}.`),
      h('div', { class: 'said' }, answer),
      shares.element,
    )
    await test()
  }
  const test = async () => {
    if (!session) return
    if (testPad.strokes.length === 0) {
      answer.textContent = ''
      return shares.show(undefined)
    }
    const image = new Tensor('float32', digitImage(testPad.strokes), [1, 1, SIDE, SIDE])
    const results = await session.run({ image })
    const probabilities = results[session.outputNames[0]].data as Float32Array
    const best = probabilities.indexOf(Math.max(...probabilities))
    answer.replaceChildren(h('strong', {}, names[best]), ` ${percent(probabilities[best])}`)
    shares.show(probabilities)
  }
  const open = (file: File) =>
    void file
      .arrayBuffer()
      .then((buffer) => load(new Uint8Array(buffer), `the file ${file.name}`))
      .catch(failed)

  place.append(
    h('h1', {}, 'Teach it your signs'),
    h(
      'p',
      { class: 'lead' },
      'Letters, runes, arrows: draw a few of each, and a small convolutional network learns them here, in a worker of this page. What it learned is an ONNX file that any runtime reads.',
    ),
    h(
      'div',
      { class: 'drawing' },
      h(
        'section',
        { class: 'panel', 'aria-label': 'Draw examples' },
        h('h2', {}, '1. Draw'),
        pad.element,
        h(
          'div',
          { class: 'buttons' },
          h('button', { type: 'button', click: add }, 'Add this drawing'),
          h('button', { type: 'button', class: 'quiet', click: () => pad.clear() }, 'Clear'),
        ),
      ),
      h(
        'section',
        { class: 'panel', 'aria-label': 'Signs' },
        h('h2', {}, 'Your signs'),
        shelf,
        h(
          'div',
          { class: 'buttons' },
          h(
            'button',
            {
              type: 'button',
              class: 'quiet',
              click: () => {
                if (lesson.classes.length >= MOST_CLASSES) return tell(`${MOST_CLASSES} signs are the most.`)
                chosen = lesson.classes.push(String.fromCharCode(65 + lesson.classes.length)) - 1
                shelves()
              },
            },
            'One more sign',
          ),
          h('button', { type: 'button', class: 'quiet', click: quick }, 'Use drawn digits instead'),
        ),
      ),
    ),
    h(
      'div',
      { class: 'columns' },
      h(
        'section',
        { class: 'panel', 'aria-label': 'Training' },
        h('h2', {}, '2. Train'),
        h('div', { class: 'buttons' }, h('label', { for: 'steps' }, 'Steps'), steps, train, stop),
        status,
        curve,
        matrix,
      ),
      h(
        'section',
        { class: 'panel test', 'aria-label': 'Test' },
        h('h2', {}, '3. Test'),
        testPad.element,
        h(
          'div',
          { class: 'buttons' },
          h('button', { type: 'button', class: 'quiet', click: () => testPad.clear() }, 'Clear'),
          save,
        ),
        tested,
        dropZone('an ONNX file of before', '.onnx', open),
      ),
    ),
    h(
      'section',
      { class: 'prose' },
      h('h2', {}, 'How so few drawings can be enough'),
      h(
        'p',
        {},
        'Each time a drawing is shown to the network it is turned, moved, slanted and bent a little, differently every time. The network has two convolutions and one dense layer, some five thousand weights; Adam changes them after every 24 drawings, so that the loss falls: how surprised the network was by the right answers.',
      ),
      h(
        'p',
        {},
        'One drawing in five is kept aside and never trained on. The table of confusions counts what the network says of those, each looked at twenty times with other bends: rows are what was drawn, columns what was answered. What it cannot show is how you will draw tomorrow.',
      ),
    ),
  )
  shelves()
  if (lesson.onnx) void load(lesson.onnx, 'what was trained before').catch(failed)
  return () => {
    worker?.terminate()
    chart?.destroy()
    pad.dispose()
    testPad.dispose()
    void session?.release()
  }
}

function confusionTable(
  classes: readonly string[],
  confusion: readonly (readonly number[])[],
  held: number,
): HTMLElement[] {
  if (held === 0) return [h('p', { class: 'facts' }, 'Too few drawings to keep some aside: there is nothing to count.')]
  const all = confusion.flat().reduce((a, b) => a + b, 0)
  const right = confusion.reduce((sum, row, i) => sum + row[i], 0)
  return [
    h('h3', {}, `Right in ${percent(right / all)} of ${all} looks at ${held} drawings that were kept aside`),
    h(
      'div',
      { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Confusions' },
      h(
        'table',
        { class: 'confusion' },
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            h('td', {}, 'drawn ↓ answered →'),
            ...classes.map((name) => h('th', { scope: 'col', class: 'number' }, name)),
          ),
        ),
        h(
          'tbody',
          {},
          ...confusion.map((row, truth) => {
            const total = row.reduce((a, b) => a + b, 0)
            return h(
              'tr',
              {},
              h('th', { scope: 'row' }, classes[truth]),
              ...row.map((count, i) =>
                h(
                  'td',
                  {
                    class: i === truth ? 'number right' : 'number wrong',
                    style: `--share: ${total > 0 ? count / total : 0}`,
                  },
                  count,
                ),
              ),
            )
          }),
        ),
      ),
    ),
  ]
}
