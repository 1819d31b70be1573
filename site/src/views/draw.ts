import { InferenceSession, Tensor } from '../../../src/browser.js'
import { Random } from '../../../src/core/random.js'
import { drawDigit } from '../../../src/data/digits.js'
import { clockStep } from '../../../src/inspect/clock-step.js'
import { h } from '../../../src/view/dom.js'
import { bars, percent } from '../bars.js'
import { digitImage, paint, SIDE } from '../digit-image.js'
import { drawPad } from '../draw-pad.js'
import modelUrl from '../../../models/mnist/small.onnx?url'

const digits = [...'0123456789']
/** Runs behind the time that is shown, and steps of the clock: a run is shorter than what a browser's clock tells. */
const [TIMED, STEPS] = [20, 10]

let tellable: number | undefined
let loading: Promise<InferenceSession> | undefined

/** The session lives as long as the page: coming back to this view costs nothing. */
function classifier(): Promise<InferenceSession> {
  loading ??= InferenceSession.create(modelUrl)
  return loading
}

/** A digit is drawn and recognised stroke by stroke. */
export function draw(place: HTMLElement): () => void {
  const answer = h('output', { class: 'answer', 'aria-live': 'polite' })
  const facts = h('p', { class: 'facts' }, 'Loading the network …')
  const seen = h('canvas', { class: 'seen', role: 'img', 'aria-label': 'What the network is given: 28 by 28 pixels' })
  const shares = bars(digits)
  let live = true

  const tell = async (image: Float32Array<ArrayBuffer> | undefined) => {
    const session = await classifier()
    if (!live) return
    paint(seen, image ?? new Float32Array(SIDE * SIDE))
    if (!image) {
      answer.textContent = ''
      shares.show(undefined)
      facts.textContent = `Ready (${session.build} kernels). Draw a digit.`
      return
    }
    const feeds = { image: new Tensor('float32', image, [1, 1, SIDE, SIDE]) }
    tellable ??= STEPS * clockStep()
    const start = performance.now()
    let results = session.runSync(feeds)
    let [runs, passed] = [1, 0]
    while (runs < TIMED || passed < tellable) {
      results = session.runSync(feeds)
      runs++
      passed = performance.now() - start
    }
    const ms = passed / runs
    const probabilities = results.probabilities.data as Float32Array
    const best = probabilities.indexOf(Math.max(...probabilities))
    answer.replaceChildren(h('strong', {}, digits[best]), ` ${percent(probabilities[best])}`)
    shares.show(probabilities)
    facts.textContent = `${ms.toFixed(ms < 0.1 ? 3 : 2)} ms for a picture, on one core (${session.build} kernels)`
  }
  const failed = (error: unknown) => {
    facts.textContent = `The network could not be loaded: ${String(error)}`
    facts.setAttribute('role', 'alert')
  }
  const update = () => void tell(pad.strokes.length > 0 ? digitImage(pad.strokes) : undefined).catch(failed)
  const pad = drawPad('A pad to draw a digit on', update)
  const random = Random.at(Date.now())
  const example = () => {
    pad.clear()
    const image = drawDigit(random.integer(10), SIDE, random)
    // After the frame in which the pad is cleared.
    requestAnimationFrame(() => requestAnimationFrame(() => void tell(image).catch(failed)))
  }
  place.append(
    h('h1', {}, 'Draw a digit'),
    h(
      'p',
      { class: 'lead' },
      'A neural network reads your handwriting while you write. It was trained with Lanewise and runs in this page, on kernels compiled to WebAssembly SIMD.',
    ),
    h(
      'div',
      { class: 'drawing' },
      h(
        'section',
        { class: 'panel', 'aria-label': 'Drawing' },
        pad.element,
        h(
          'div',
          { class: 'buttons' },
          h('button', { type: 'button', click: () => pad.clear() }, 'Clear'),
          h('button', { type: 'button', class: 'quiet', click: example }, 'Draw one for me'),
        ),
      ),
      h(
        'section',
        { class: 'panel', 'aria-label': 'Answer' },
        h('div', { class: 'said' }, seen, answer),
        shares.element,
        facts,
      ),
    ),
    h(
      'section',
      { class: 'prose' },
      h('h2', {}, 'What happens between the pen and the answer'),
      h(
        'p',
        {},
        'Your strokes are scaled to a box of 20 pixels, centred by their mass and drawn as 28 × 28 numbers between 0 (paper) and 1 (ink): the small picture beside the answer. That is how the 70,000 digits of MNIST were prepared, and a network reads best what looks like what it learned from.',
      ),
      h(
        'p',
        {},
        'Then come two convolutions of 5 × 5 pixels with 10 and 20 filters, each followed by ReLU and max pooling, and two dense layers. All of it is 21,178 weights in a file of 86 kB; on the 10,000 test digits of MNIST, which it never saw in training, it is right in 99.29 %. The last layer’s ten scores become probabilities by a softmax. ',
        h('a', { href: '#/teach' }, 'Teach a network your own signs'),
        ', or ',
        h('a', { href: '#/inspect' }, 'look inside this one'),
        '.',
      ),
    ),
  )
  update()
  const repaint = () => update()
  addEventListener('colours', repaint)
  return () => {
    live = false
    removeEventListener('colours', repaint)
    pad.dispose()
  }
}
