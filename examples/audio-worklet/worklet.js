import { SpeechStream } from './stream.js'

/** First output: the sound without noise; second output: how likely it is speech. */
class SpeechProcessor extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super()
    this.stream = new SpeechStream(processorOptions)
    this.silence = new Float32Array(128)
  }

  process([input], [output, speech]) {
    this.stream.process(input[0] ?? this.silence, output[0], speech[0])
    return true
  }
}
registerProcessor('speech', SpeechProcessor)
