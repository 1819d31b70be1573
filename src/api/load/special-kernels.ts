// Kernels from other places than the package's own file, and what to do when they cannot be had. Loaded when one of
// these is so.
import { loadModule, type Build } from '../../../bindings/module.js'
import { env, log } from '../../core/env.js'
import { LanewiseError } from '../../core/errors.js'
import { tagOf } from '../../core/realm.js'
import { platform } from '../../platform/platform.js'
import { wasmFile } from '../../platform/wasm-files.js'
import type { WasmModules } from '../session-options.js'

/** A folder or a file of onnxruntime's: code that was written for it says so, and nothing of ours can be there. */
const ONNXRUNTIME = /onnxruntime|ort-wasm/

/**
 * The kernels that the option `wasmModule` or `env.wasm` name.
 *
 * @returns undefined if the package's own are to be used.
 * @throws LanewiseError `E_VALUE` if the build that is wanted is not among the modules.
 */
export async function specialKernels(
  build: Build,
  given: WebAssembly.Module | WasmModules | undefined,
): Promise<WebAssembly.Module | undefined> {
  if (given) return tagOf(given) === 'WebAssembly.Module' ? given : ofBuild(given, build)
  const { wasmBinary, wasmPaths, integrity } = env.wasm
  const binary = wasmBinary && ours(await WebAssembly.compile(wasmBinary as BufferSource).catch(() => undefined))
  if (binary) return binary
  const place =
    typeof wasmPaths === 'object'
      ? wasmPaths.wasm && (wasmPaths.wasm as URL | string).toString()
      : wasmPaths && `${wasmPaths}inference-${build}.wasm`
  const checked = integrity?.[build]
  if (place && !ONNXRUNTIME.test(place)) {
    try {
      const found = ours(
        await loadModule(build, () => platform().readKernels(place, checked), 'inference', `${place} ${checked}`),
      )
      if (found) return found
      log('warning', `env.wasm.wasmPaths: ${place} holds no kernels of Lanewise; the package's own are used`)
    } catch (error) {
      log('warning', `env.wasm.wasmPaths: ${(error as Error).message}; the package's own kernels are used`)
    }
  }
  if (!checked) return undefined
  return loadModule(build, () => platform().readKernels(wasmFile(build), checked), 'inference', `${build} ${checked}`)
}

function ofBuild(modules: WebAssembly.Module | WasmModules, build: Build): WebAssembly.Module {
  const module = (modules as WasmModules)[build]
  if (tagOf(module) === 'WebAssembly.Module') return module as WebAssembly.Module
  throw new LanewiseError(
    'E_VALUE',
    `wasmModule must be a compiled WebAssembly.Module, or have one as ${build}, the build to use here`,
    {
      expected: 'a WebAssembly.Module',
      actual: tagOf(module),
    },
  )
}

function ours(module: WebAssembly.Module | undefined): WebAssembly.Module | undefined {
  return module && WebAssembly.Module.exports(module).some(({ name }) => name === 'is_relaxed') ? module : undefined
}

const REMEDIES =
  "import from 'lanewise/inline', which carries the kernels in its JavaScript; or copy node_modules/lanewise/dist/wasm to where they can be read and name " +
  'that place in env.wasm.wasmPaths; or compile them yourself and pass the module as `wasmModule`; a bundler of server code may be told to leave the package ' +
  "alone (Next.js: serverExternalPackages: ['lanewise'])"

/** What a failure to load the kernels means, and what to do. Errors that say that already are passed through. */
export function explained(error: unknown, file: string): unknown {
  if (error instanceof LanewiseError) {
    // Sessions that are made at the same time wait for the same kernels and fail by the same error: what it says
    // already is not added again.
    const add = (text: string, unless: string) => void (error.message.includes(unless) || (error.message += text))
    if (/content security policy|unsafe-eval|disallowed by embedder/i.test(error.message))
      add("; a Content-Security-Policy must have 'wasm-unsafe-eval' in its script-src", 'wasm-unsafe-eval')
    if (error.code === 'E_STATE' && error.message.includes('cannot be fetched')) add(`: ${REMEDIES}`, REMEDIES)
    return error
  }
  const { message, code } = error as NodeJS.ErrnoException
  const place = placeOf(file)
  return new LanewiseError(
    'E_STATE',
    `the kernels ${place ? `at ${place}` : file} cannot be loaded (${code ?? message.split('\n')[0]}): ${REMEDIES}`,
    { cause: error },
  )
}

/** Where the file is looked for: undefined in a bundle that does not know where it is. */
function placeOf(file: string): string | undefined {
  try {
    return String(new URL(file, wasmFile('simd')))
  } catch {
    return undefined
  }
}
