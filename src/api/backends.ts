/** As in onnxruntime-node: what runs models here. */
export function listSupportedBackends(): { name: string; bundled: boolean }[] {
  return [
    { name: 'cpu', bundled: true },
    { name: 'wasm', bundled: true },
  ]
}

/** As in onnxruntime-common, for code that brings backends along: there is one here, and others are ignored. */
export function registerBackend(_name: string, _backend: object, _priority: number): void {}
