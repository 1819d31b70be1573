/** The samples of a RIFF file with one channel of 16-bit PCM, in [-1, 1), and their rate. */
export function readWav(file: Uint8Array): { rate: number; samples: Float32Array } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const tag = (at: number): string => String.fromCharCode(...file.subarray(at, at + 4))
  if (tag(0) !== 'RIFF' || tag(8) !== 'WAVE') throw new Error('not a wav file')
  let rate = 0
  for (let at = 12; at + 8 <= file.length;) {
    const [name, size] = [tag(at), view.getUint32(at + 4, true)]
    at += 8
    if (name === 'fmt ') {
      if (view.getUint16(at, true) !== 1 || view.getUint16(at + 2, true) !== 1 || view.getUint16(at + 14, true) !== 16)
        throw new Error('only one channel of 16-bit PCM is read')
      rate = view.getUint32(at + 4, true)
    }
    if (name === 'data')
      return {
        rate,
        samples: Float32Array.from({ length: size / 2 }, (_, i) => view.getInt16(at + 2 * i, true) / 32768),
      }
    at += size + (size & 1)
  }
  throw new Error('the wav file has no data')
}
