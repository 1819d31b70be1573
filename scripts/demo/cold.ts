import { execFileSync } from 'node:child_process'
import { median } from '../../src/core/table.js'

/** A program that measures from its first line to its first answer: import, compile, create, run. */
const programs = {
  lanewise: `
    const start = performance.now()
    const side = Number(process.argv[2])
    const { InferenceSession, Tensor } = await import('./dist/node.js')
    const session = await InferenceSession.create(process.argv[1])
    await session.run({ image: new Tensor('float32', new Float32Array(side * side), [1, 1, side, side]) })
    console.log(performance.now() - start)
    process.exit()`,
  'onnxruntime-web': `
    const start = performance.now()
    const side = Number(process.argv[2])
    const { env, InferenceSession, Tensor } = await import('onnxruntime-web')
    env.wasm.numThreads = 1
    const session = await InferenceSession.create(process.argv[1])
    await session.run({ image: new Tensor('float32', new Float32Array(side * side), [1, 1, side, side]) })
    console.log(performance.now() - start)
    process.exit()`,
}

/**
 * Milliseconds of a cold start: medians over fresh processes that take turns. The model takes pictures of side × side.
 */
export function coldTimes(model: string, side: number, rounds: number): { lanewise: number; onnxruntimeWeb: number } {
  const times: Record<keyof typeof programs, number[]> = { lanewise: [], 'onnxruntime-web': [] }
  for (let i = 0; i < rounds; i++) {
    for (const name of ['lanewise', 'onnxruntime-web'] as const) {
      const out = execFileSync(
        process.execPath,
        ['--input-type=module', '--eval', programs[name], model, String(side)],
        { encoding: 'utf8' },
      )
      times[name].push(Number(out))
    }
  }
  return { lanewise: median(times.lanewise), onnxruntimeWeb: median(times['onnxruntime-web']) }
}
