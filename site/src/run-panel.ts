import { fromHost, Tensor } from '../../src/api/tensor.js'
import { randomTensor } from '../../src/api/random-tensor.js'
import type { InferenceSession } from '../../src/api/session.js'
import { differenceOf } from '../../src/cli/difference.js'
import { hostZeros, type HostTensor } from '../../src/core/host.js'
import { Random } from '../../src/core/random.js'
import { formatShape, sizeOf } from '../../src/core/shape.js'
import { median, msText } from '../../src/core/table.js'
import { planesOf, resizedPicture } from '../../src/data/picture.js'
import { readNpy } from '../../src/data/formats/npy.js'
import { concreteShape } from '../../src/inspect/model-report.js'
import { measureDevice, type DeviceRates } from '../../src/inspect/peaks.js'
import { parseProfile } from '../../src/inspect/profile-file.js'
import { profileRun } from '../../src/inspect/run-profile.js'
import { numbersOf, numericTensor } from '../../src/ops/shared/scalar-floats.js'
import { h } from '../../src/view/dom.js'
import { showProfiles } from '../../src/view/profile/view.js'
import { engineName } from './engine.js'
import { greyOf, readPicture } from './picture.js'
import { timesInTurns } from './turns.js'

/** Runs behind a median. */
const REPEAT = 10
/** Values of an output that are shown. */
const SHOWN = 8

type Source = 'random' | 'zeros' | 'ones' | 'numbers' | 'file'

/** What an input is fed. */
interface Field {
  readonly name: string
  readonly element: HTMLElement
  /** @throws Error that says what is wrong with what was given. */
  tensor(): Promise<Tensor>
}

let device: Promise<DeviceRates> | undefined

/** Runs a model with inputs of one's choice, profiles it, and compares it with onnxruntime-web. */
export function runPanel(
  session: InferenceSession,
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  sizes: ReadonlyMap<string, number>,
): HTMLElement {
  const fields = session.inputMetadata.map((input, i) =>
    input.isTensor ? field(input.name, input.type, concreteShape(input.shape, sizes), i) : undefined,
  )
  const results = h('div', { 'aria-live': 'polite' })
  const profiles = h('div', {})
  const buttons: HTMLButtonElement[] = []
  const feedsOf = async () => {
    const feeds: Record<string, Tensor> = {}
    for (const one of fields) {
      if (!one) throw new Error('an input of this model is no tensor: that cannot be given here')
      feeds[one.name] = await one.tensor()
    }
    return feeds
  }
  const button = (title: string, quiet: boolean, work: () => Promise<void>) => {
    const click = () => {
      for (const one of buttons) one.disabled = true
      work()
        .catch((error: Error) => results.replaceChildren(h('p', { class: 'problem', role: 'alert' }, error.message)))
        .finally(() => {
          for (const one of buttons) one.disabled = false
        })
    }
    buttons.push(h('button', { type: 'button', class: quiet ? 'quiet' : '', click }, title))
  }
  button('Run', false, async () => {
    const feeds = await feedsOf()
    const start = performance.now()
    const outputs = await session.run(feeds)
    const ms = performance.now() - start
    results.replaceChildren(
      h('p', { class: 'facts' }, `${msText(ms)}, planning included if these sizes are new.`),
      outputTable(outputs),
    )
  })
  button('Profile', true, async () => {
    results.replaceChildren(h('p', { class: 'facts' }, 'Measuring this device, then the model …'))
    const feeds = await feedsOf()
    await painted()
    device ??= measureDevice(session.build)
    const options = { model: name, engine: engineName(session), repeat: REPEAT, device: await device }
    const profile = await profileRun(session, feeds, options)
    results.replaceChildren()
    showProfiles(profiles, [profile], { read: async (file) => parseProfile(await file.text(), file.name) })
  })
  button('Compare with onnxruntime-web', true, async () => {
    results.replaceChildren(h('p', { class: 'facts' }, 'Loading onnxruntime-web (some 13 MB, 2.3 MB compressed) …'))
    const feeds = await feedsOf()
    const { loadPeer } = await import('./onnxruntime.js')
    const peer = await loadPeer(bytes)
    try {
      const mine = await session.run(feeds)
      const theirs = await peer.run(feeds)
      const [here, there] = await timesInTurns(
        [() => session.run(feeds), () => peer.run(feeds)],
        (rounds) => rounds < REPEAT,
      )
      results.replaceChildren(comparison(mine, theirs, median(here), median(there), peer.version))
    } finally {
      await peer.release()
    }
  })
  return h(
    'div',
    {},
    h(
      'section',
      { class: 'panel run' },
      h('h2', {}, 'Run it'),
      ...fields.map((one) => one?.element ?? null),
      h('div', { class: 'buttons' }, ...buttons),
      results,
    ),
    profiles,
  )
}

/** Lets the browser show what has been written before it is busy. */
function painted(): Promise<void> {
  return new Promise((done) => requestAnimationFrame(() => setTimeout(done)))
}

function field(name: string, dtype: HostTensor['dtype'], shape: readonly number[], index: number): Field {
  const text = h('input', { type: 'text', placeholder: '0.5, 1, 2 …', 'aria-label': `Numbers for ${name}` })
  const file = h('input', { type: 'file', accept: '.npy,image/*', 'aria-label': `File for ${name}` })
  text.hidden = file.hidden = true
  const labels: readonly [Source, string][] = [
    ['random', 'random'],
    ['zeros', 'zeros'],
    ['ones', 'ones'],
    ['numbers', 'these numbers'],
    ['file', 'a picture or .npy file'],
  ]
  const select = h('select', { id: `input-${index}` }, ...labels.map(([value, title]) => h('option', { value }, title)))
  select.addEventListener('change', () => {
    text.hidden = select.value !== 'numbers'
    file.hidden = select.value !== 'file'
  })
  const host = async (): Promise<HostTensor> => {
    const size = sizeOf(shape)
    switch (select.value as Source) {
      case 'random': {
        const random = Random.at(index + 1)
        return randomTensor(dtype, shape, () => random.uniform())
      }
      case 'zeros':
        return hostZeros(dtype, shape)
      case 'ones':
        return numericTensor(dtype, shape, new Float32Array(size).fill(1))
      case 'numbers': {
        const values = text.value
          .split(/[\s,]+/)
          .filter((part) => part !== '')
          .map(Number)
        if (values.some((value) => !Number.isFinite(value))) throw new Error(`${name}: these are not all numbers`)
        if (values.length !== size) throw new Error(`${name} has ${size} elements, these are ${values.length} numbers`)
        return numericTensor(dtype, shape, values)
      }
      case 'file': {
        const chosen = file.files?.[0]
        if (!chosen) throw new Error(`${name}: no file is chosen`)
        if (/\.npy$/i.test(chosen.name)) {
          const read = readNpy(new Uint8Array(await chosen.arrayBuffer()), chosen.name)
          return read.dtype === dtype ? read : numericTensor(dtype, read.shape, numbersOf(read))
        }
        return pictureTensor(chosen, name, dtype, shape)
      }
    }
  }
  return {
    name,
    tensor: async () => fromHost(await host()),
    element: h(
      'div',
      { class: 'buttons' },
      h('label', { for: `input-${index}` }, `${name} ${dtype} ${formatShape(shape)}`),
      select,
      text,
      file,
    ),
  }
}

/** A picture as [1, C, H, W] from 0 to 1 (0 to 255 for integers), stretched to the size that the model wants. */
async function pictureTensor(
  file: File,
  name: string,
  dtype: HostTensor['dtype'],
  shape: readonly number[],
): Promise<HostTensor> {
  const [, channels, height, width] = shape
  if (shape.length !== 4 || (channels !== 1 && channels !== 3))
    throw new Error(`${name} ${formatShape(shape)} takes no picture: that wants [1, 1 or 3, height, width]`)
  const picture = await readPicture(file, file.name)
  const sized = resizedPicture(channels === 1 ? greyOf(picture) : picture, width, height)
  const scale = dtype.startsWith('float') ? 1 : 255
  const planes = channels === 1 ? sized.data : planesOf(sized.data, 3)
  return numericTensor(
    dtype,
    [1, channels, height, width],
    planes.map((value) => value * scale),
  )
}

function outputTable(outputs: Readonly<Record<string, Tensor>>): HTMLElement {
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Outputs' },
    h(
      'table',
      { class: 'outputs' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ...['output', 'type', 'smallest … largest', 'largest at', 'first values'].map((title) =>
            h('th', { scope: 'col' }, title),
          ),
        ),
      ),
      h(
        'tbody',
        {},
        ...Object.entries(outputs).map(([name, tensor]) => {
          const values = tensor.type === 'string' ? [] : Array.from(tensor.data as ArrayLike<number | bigint>, Number)
          const low = values.reduce((a, b) => Math.min(a, b), Infinity)
          const high = values.reduce((a, b) => Math.max(a, b), -Infinity)
          const first = Array.from(tensor.data as ArrayLike<unknown>).slice(0, SHOWN)
          return h(
            'tr',
            {},
            h('th', { scope: 'row' }, name),
            h('td', {}, `${tensor.type} ${formatShape(tensor.dims)}`),
            h('td', {}, values.length > 0 ? `${figure(low)} … ${figure(high)}` : ''),
            h('td', {}, values.length > 1 ? values.indexOf(high) : ''),
            h(
              'td',
              {},
              `${first.map((value) => (typeof value === 'number' ? figure(value) : String(value))).join(', ')}${tensor.size > SHOWN ? ' …' : ''}`,
            ),
          )
        }),
      ),
    ),
  )
}

function figure(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(4)
}

function comparison(
  mine: Readonly<Record<string, Tensor>>,
  theirs: Readonly<Record<string, HostTensor>>,
  here: number,
  there: number,
  version: string,
): HTMLElement {
  const rows = Object.entries(mine).map(([name, { type, dims, data }]) => ({
    name,
    ...differenceOf({ dtype: type, shape: dims, data }, theirs[name]),
  }))
  return h(
    'div',
    { class: 'comparison' },
    h(
      'p',
      {},
      h('strong', {}, `${(there / here).toFixed(2)} times as fast`),
      `: ${msText(here)} here, ${msText(there)} in onnxruntime-web ${version}, one thread each, medians of ${REPEAT} runs in turns.`,
    ),
    h(
      'table',
      {},
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ...['output', 'largest difference', 'largest value', ''].map((title) =>
            title ? h('th', { scope: 'col' }, title) : h('td'),
          ),
        ),
      ),
      h(
        'tbody',
        {},
        ...rows.map(({ name, largest, scale, agrees, reason }) =>
          h(
            'tr',
            {},
            h('th', { scope: 'row' }, name),
            h('td', { class: 'number' }, largest.toExponential(2)),
            h('td', { class: 'number' }, scale.toExponential(2)),
            h('td', { class: agrees ? 'fine' : 'problem' }, reason ?? (agrees ? 'they agree' : 'they differ')),
          ),
        ),
      ),
    ),
  )
}
