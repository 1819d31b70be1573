import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { TrainerMaker } from './work.js'

/**
 * PyTorch in a process of its own, if a Python that has it is installed (Debian's python3-torch); it makes a step when
 * told to.
 */
export async function pytorchTrainer(
  script: string,
  clock: 'wall' | 'cpu',
): Promise<{ readonly version: string; readonly make: TrainerMaker; close(): void } | undefined> {
  for (const python of ['/usr/bin/python3', 'python3']) {
    const child = spawn(python, [fileURLToPath(new URL(script, `file://${process.cwd()}/`)), clock], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' },
    })
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const failed = new Promise<{ done: true; value: undefined }>((resolve) =>
      child.on('error', () => resolve({ done: true, value: undefined })),
    )
    const answer = async (): Promise<string> => String((await Promise.race([lines.next(), failed])).value ?? '')
    const greeting = await answer()
    if (!greeting.startsWith('ready')) {
      child.kill()
      continue
    }
    const say = (line: string): Promise<string> => {
      child.stdin.write(`${line}\n`)
      return answer()
    }
    return {
      version: greeting.slice('ready '.length),
      make: async (key) => {
        await say(key)
        return {
          step: async () => {
            const [ms, loss, memory] = (await say('')).split(' ').map(Number)
            return { ms, loss, memory }
          },
          close() {},
        }
      },
      close: () => void child.kill(),
    }
  }
  return undefined
}
