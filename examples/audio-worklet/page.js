import { models, RATE, render, speechNode } from './render.js'
import { exampleSound } from './sound.js'

const output = document.querySelector('output')
const meter = document.querySelector('meter')

const { speech, share } = await render(exampleSound(RATE))
const spoken = speech.filter((probability) => probability > 0.5).length / speech.length
output.textContent = `speech in ${Math.round(100 * spoken)} % of the example, in ${(100 * share).toFixed(1)} % of its time`

document.querySelector('button').onclick = async () => {
  const context = new AudioContext({ sampleRate: RATE })
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { noiseSuppression: false, echoCancellation: true, autoGainControl: false },
  })
  const node = await speechNode(context, await models())
  const probability = new AnalyserNode(context, { fftSize: 32 })
  new MediaStreamAudioSourceNode(context, { mediaStream: stream }).connect(node)
  node.connect(context.destination, 0)
  node.connect(probability, 1)
  const last = new Float32Array(32)
  const show = () => {
    probability.getFloatTimeDomainData(last)
    meter.value = last[31]
    requestAnimationFrame(show)
  }
  show()
}
