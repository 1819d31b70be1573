// Steps block: a training belongs into a worker.
const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
const output = document.querySelector('output')
const link = document.querySelector('a')

worker.onmessage = ({ data }) => {
  if (data.step) output.textContent = `step ${data.step}: loss ${data.loss.toFixed(3)}`
  if (data.file) {
    output.textContent = `${Math.round(100 * data.accuracy)} % of new digits are right`
    link.href = URL.createObjectURL(new Blob([data.file]))
    link.hidden = false
  }
}
worker.onerror = ({ message }) => (output.textContent = message)
