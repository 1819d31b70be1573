import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { InferenceSession, env, supportsRelaxedSimd } from '../../src/node.js'
import { browserPlatform } from '../../src/platform/browser.js'
import { nodePlatform } from '../../src/platform/node.js'
import { platform, setPlatform } from '../../src/platform/platform.js'
import { wasmFile } from '../../src/platform/wasm-files.js'
import { expectRejects } from '../support/expect-error.js'
import { smallModel } from '../support/small-model.js'

const usual = platform()
const model = smallModel()
const bytesOf = (build: 'simd' | 'relaxed') => readFileSync(wasmFile(build))

/** A platform that has compiled nothing yet: compiled kernels are kept, under the name of the place that `env` says. */
function readAs(readKernels: typeof usual.readKernels): void {
  setPlatform({ ...usual, readKernels })
  env.wasm.integrity = { simd: `sha256-${Math.random()}`, relaxed: `sha256-${Math.random()}` }
}

afterEach(() => {
  setPlatform(usual)
  delete env.wasm.integrity
  vi.unstubAllGlobals()
})

describe('wasmModule', () => {
  test('takes the build of two that the engine runs best', async () => {
    const simd = new WebAssembly.Module(bytesOf('simd'))
    const wasmModule = { simd, relaxed: supportsRelaxedSimd() ? new WebAssembly.Module(bytesOf('relaxed')) : undefined }
    const auto = await InferenceSession.create(model, { wasmModule })
    expect(auto.build).toBe(supportsRelaxedSimd() ? 'relaxed' : 'simd')
    for (const options of [{ build: 'simd' }, { deterministic: true }] as const)
      expect((await InferenceSession.create(model, { wasmModule, ...options })).build).toBe('simd')
    expect((await InferenceSession.create(model, { wasmModule: simd })).build).toBe('simd')
  })

  test('says which module is missing', async () => {
    const relaxed = {} as WebAssembly.Module
    await expectRejects(
      'E_VALUE',
      () => InferenceSession.create(model, { build: 'simd', wasmModule: { relaxed } }),
      /simd/,
    )
  })
})

describe('kernels that cannot be had', () => {
  const create = () => InferenceSession.create(model, { build: 'simd' })
  const remedies = ['lanewise/inline', 'env.wasm.wasmPaths', 'wasmModule', 'serverExternalPackages']

  test('no file: where it was looked for, and what to do', async () => {
    readAs(() => nodePlatform.readKernels(new URL('./nowhere/inference-simd.wasm', import.meta.url)))
    const error = await expectRejects('E_STATE', create, /inference-simd\.wasm cannot be loaded \(ENOENT\)/)
    for (const remedy of remedies) expect(error.message).toContain(remedy)
  })

  test('a bundle that does not know where it is', async () => {
    readAs(() => Promise.reject(new TypeError('Invalid URL')))
    const error = await expectRejects('E_STATE', create, /Invalid URL/)
    for (const remedy of remedies) expect(error.message).toContain(remedy)
  })

  const answers = (answer: () => Promise<Response>) => {
    vi.stubGlobal('fetch', answer)
    readAs((_, integrity) => browserPlatform.readKernels('https://app.example/inference-simd.wasm', integrity))
  }

  test('the network fails', async () => {
    const cause = new TypeError('Failed to fetch')
    answers(() => Promise.reject(cause))
    const error = await expectRejects('E_EXTERNAL', create, /app\.example.*Failed to fetch/)
    expect(error.cause).toBe(cause)
  })

  test('a web page comes, or nothing', async () => {
    const page = new Response('<p>hello', { headers: { 'content-type': 'text/html; charset=utf-8' } })
    answers(() => Promise.resolve(page))
    await expectRejects('E_STATE', create, /a web page came back.*lanewise\/inline/s)
    answers(() => Promise.resolve(new Response('', { status: 404 })))
    await expectRejects('E_STATE', create, /HTTP 404.*lanewise\/inline/s)
  })

  test('a policy forbids to compile', async () => {
    readAs(() => Promise.resolve(bytesOf('simd')))
    vi.spyOn(WebAssembly, 'compile').mockRejectedValueOnce(
      new WebAssembly.CompileError('Refused to compile WebAssembly module because of the Content Security Policy'),
    )
    await expectRejects('E_STATE', create, /'wasm-unsafe-eval'/)
  })

  test('sessions made at the same time say it once', async () => {
    answers(() => Promise.resolve(new Response('', { status: 404 })))
    const errors = await Promise.all([expectRejects('E_STATE', create), expectRejects('E_STATE', create)])
    for (const { message } of errors) expect(message.split('lanewise/inline')).toHaveLength(2)
  })

  test('integrity is handed to the fetch', async () => {
    const asked: (RequestInit | undefined)[] = []
    vi.stubGlobal('fetch', (_: string, init?: RequestInit) => {
      asked.push(init)
      return Promise.resolve(new Response(bytesOf('simd')))
    })
    readAs((_, integrity) => browserPlatform.readKernels('https://app.example/inference-simd.wasm', integrity))
    await create()
    expect(asked).toEqual([{ integrity: env.wasm.integrity!.simd }])
  })
})
