/**
 * Ten seconds of noise with a voice of a kind in it every other second: a hum with overtones. The same at every call.
 */
export function exampleSound(rate, seconds = 10) {
  let state = 1
  const noise = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  }
  return Float32Array.from({ length: rate * seconds }, (_, i) => {
    const time = i / rate
    const loud = Math.floor(time) % 2 ? Math.sin(Math.PI * (time % 1)) : 0
    const hum = [1, 2, 3, 4, 5].reduce((sum, k) => sum + Math.sin(2 * Math.PI * 140 * k * time) / k, 0)
    return 0.01 * noise() + 0.15 * loud * hum
  })
}
