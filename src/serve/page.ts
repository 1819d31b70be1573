// The page at /: what the server has, and a form to try it. It needs nothing from elsewhere, and whatever a model says
// is put in as text.

export const pageHtml = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Lanewise</title>
<link rel="stylesheet" href="/page.css">
<script type="module" src="/page.js"></script>
<h1>Lanewise</h1>
<p>Models by the Open Inference Protocol, version 2: <a href="/v2">/v2</a>. Figures: <a href="/metrics">/metrics</a>.</p>
<label>Model <select id="model"></select></label>
<form id="form">
  <div id="inputs"></div>
  <button>Run</button>
</form>
<pre id="answer" aria-live="polite"></pre>
</html>
`

export const pageStyle = `
:root { color-scheme: light dark }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem }
fieldset { margin: 1rem 0; border: 1px solid gray }
textarea { width: 100%; height: 5rem; font-family: monospace; box-sizing: border-box }
input:not([type]) { width: 8rem }
canvas { display: block; max-width: 100%; margin-top: .5rem; image-rendering: pixelated }
pre { white-space: pre-wrap; overflow-wrap: anywhere }
`

/** In the browser: forms from the metadata of a model, pictures by a canvas, tensors as JSON. */
export const pageScript = `
const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children)
  return made
}
const modelUrl = () => '/v2/models/' + encodeURIComponent(select.value)
const select = document.querySelector('#model')
const form = document.querySelector('#form')
const answer = document.querySelector('#answer')
let fields = []

/** Where channels, height and width of a picture stand, if the input takes one. */
function frame(shape) {
  const at = shape.length - 3
  if (at < 0 || at > 1) return undefined
  const channels = (size) => size === 1 || size === 3
  const first = channels(shape[at])
  if (!first && !channels(shape[at + 2])) return undefined
  const [c, h, w] = first ? [at, at + 1, at + 2] : [at + 2, at, at + 1]
  return { first, channels: shape[c], height: shape[h], width: shape[w], batch: at === 1 }
}

function pictureField(shape, place, isFloat) {
  const file = element('input', { type: 'file', accept: 'image/*' })
  const scale = element('input', { value: isFloat ? '1/255' : '1' })
  const mean = element('input', { value: '0' })
  const std = element('input', { value: '1' })
  const bgr = element('input', { type: 'checkbox' })
  const canvas = element('canvas', { hidden: true })
  const numbers = (text) => text.split(',').map((part) => part.split('/').map(Number).reduce((a, b) => a / b))
  const node = element('div', {}, element('label', {}, 'Picture ', file), element('br'),
    ...[['scale', scale], ['mean', mean], ['std', std]].flatMap(([name, input]) => [element('label', {}, name + ' ', input), ' ']),
    element('label', {}, bgr, ' blue first'), canvas)
  const read = async () => {
    const bitmap = await createImageBitmap(file.files[0])
    const width = place.width > 0 ? place.width : bitmap.width
    const height = place.height > 0 ? place.height : bitmap.height
    Object.assign(canvas, { width, height, hidden: false })
    const context = canvas.getContext('2d', { willReadFrequently: true })
    context.fillStyle = '#fff'
    context.fillRect(0, 0, width, height)
    context.drawImage(bitmap, 0, 0, width, height)
    const pixels = context.getImageData(0, 0, width, height).data
    const [factor] = numbers(scale.value)
    const [means, stds] = [numbers(mean.value), numbers(std.value)]
    const data = new Array(place.channels * width * height)
    for (let i = 0; i < width * height; i++)
      for (let c = 0; c < place.channels; c++) {
        const [r, g, b] = [pixels[4 * i], pixels[4 * i + 1], pixels[4 * i + 2]]
        const grey = 0.299 * r + 0.587 * g + 0.114 * b
        const value = place.channels === 1 ? grey : [r, g, b][bgr.checked ? 2 - c : c]
        const number = (value * factor - means[c % means.length]) / stds[c % stds.length]
        data[place.first ? c * width * height + i : i * place.channels + c] = isFloat ? number : Math.round(number)
      }
    const sizes = place.first ? [place.channels, height, width] : [height, width, place.channels]
    return { shape: place.batch ? [1, ...sizes] : sizes, data }
  }
  return { node, chosen: () => file.files.length > 0, read }
}

function inputField({ name, datatype, shape }) {
  const isFloat = /^(FP|BF)/.test(datatype)
  const sizes = element('input', { value: shape.map((size) => (size < 0 ? 1 : size)).join(',') })
  const text = element('textarea', { placeholder: 'numbers, separated by commas; empty: zeros' })
  const place = frame(shape)
  const picture = place && pictureField(shape, place, isFloat)
  const box = element('fieldset', {}, element('legend', { textContent: name + ': ' + datatype + ' [' + shape.join(', ') + ']' }))
  if (picture) box.append(picture.node)
  box.append(element('label', {}, 'Shape ', sizes), text)
  const read = async () => {
    if (picture?.chosen()) return { name, datatype, ...(await picture.read()) }
    const wanted = sizes.value.trim() === '' ? [] : sizes.value.split(',').map(Number)
    const count = wanted.reduce((a, b) => a * b, 1)
    const parts = text.value.trim() === '' ? undefined : text.value.split(',').map((part) => part.trim())
    const zero = datatype === 'BYTES' ? '' : 0
    const data = parts ? (datatype === 'BYTES' ? parts : parts.map(Number)) : new Array(count).fill(zero)
    return { name, datatype, shape: wanted, data }
  }
  return { box, read }
}

function shown({ name, datatype, shape, data }) {
  const head = name + ': ' + datatype + ' [' + shape.join(', ') + ']'
  if (typeof data[0] !== 'number') return head + '\\n  ' + data.slice(0, 20).map((value) => JSON.stringify(value)).join(', ')
  const top = data.map((value, index) => [value, index]).sort((a, b) => b[0] - a[0]).slice(0, 5)
  return head + '\\n  largest: ' + top.map(([value, index]) => value.toPrecision(5) + ' at ' + index).join(', ') +
    '\\n  first: ' + data.slice(0, 20).map((value) => value.toPrecision(5)).join(', ')
}

async function show() {
  answer.textContent = ''
  const { inputs } = await (await fetch(modelUrl())).json()
  fields = inputs.map(inputField)
  document.querySelector('#inputs').replaceChildren(...fields.map(({ box }) => box))
}

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  answer.textContent = 'running …'
  try {
    const inputs = await Promise.all(fields.map(({ read }) => read()))
    const begun = performance.now()
    const response = await fetch(modelUrl() + '/infer', { method: 'POST', body: JSON.stringify({ inputs }) })
    const result = await response.json()
    const ms = (performance.now() - begun).toFixed(1) + ' ms'
    answer.textContent = response.ok ? result.outputs.map(shown).join('\\n') + '\\n' + ms : result.error
  } catch (error) {
    answer.textContent = String(error)
  }
})

const { models } = await (await fetch('/v2/models')).json()
select.append(...models.map((name) => element('option', { textContent: name, value: name })))
select.addEventListener('change', show)
if (models.length > 0) await show()
`
