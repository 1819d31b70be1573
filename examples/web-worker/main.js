import example from '../seven.bin?url'

const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
const output = document.querySelector('output')
worker.onmessage = ({ data: { digit, probability } }) => {
  output.textContent = `${digit} (${Math.round(100 * probability)} %)`
}
worker.onerror = ({ message }) => (output.textContent = message)

const pixels = await (await fetch(example)).arrayBuffer()
worker.postMessage(pixels, [pixels])
