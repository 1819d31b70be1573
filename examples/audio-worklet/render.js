export const RATE = 16000

/** Bytes of both models. */
export async function models(base = import.meta.url) {
  const [denoiser, voice] = await Promise.all(
    ['denoiser.onnx', 'voice.onnx'].map(async (file) => (await fetch(new URL(file, base))).arrayBuffer()),
  )
  return { denoiser, voice }
}

/** A node of the processor in a context of 16 kHz. @param processorOptions - models, and options of their sessions. */
export async function speechNode(context, processorOptions) {
  await context.audioWorklet.addModule(new URL('worklet.js', import.meta.url))
  const node = new AudioWorkletNode(context, 'speech', {
    numberOfOutputs: 2,
    outputChannelCount: [1, 1],
    processorOptions,
  })
  node.onprocessorerror = ({ message }) => console.error(message)
  return node
}

/**
 * Renders samples through the worklet. @returns the sound without noise, how likely it is speech, and the share of the
 * sound's time that this took.
 */
export async function render(samples, options) {
  const context = new OfflineAudioContext(2, samples.length, RATE)
  const buffer = new AudioBuffer({ length: samples.length, sampleRate: RATE })
  buffer.copyToChannel(samples, 0)
  const source = new AudioBufferSourceNode(context, { buffer })
  const node = await speechNode(context, { ...(await models()), options })
  const both = new ChannelMergerNode(context, { numberOfInputs: 2 })
  source.connect(node)
  node.connect(both, 0, 0)
  node.connect(both, 1, 1)
  both.connect(context.destination)
  source.start()
  const start = performance.now()
  const rendered = await context.startRendering()
  const seconds = (performance.now() - start) / 1000
  return { sound: rendered.getChannelData(0), speech: rendered.getChannelData(1), share: seconds / rendered.duration }
}
