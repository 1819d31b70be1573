/**
 * Which kernels a module holds, by what they were compiled from (scripts/kernels.ts writes it there); undefined if it
 * does not say.
 */
export function kernelsId(module: WebAssembly.Module): string | undefined {
  const [section] = WebAssembly.Module.customSections(module, 'lanewise')
  return section && String.fromCharCode(...new Uint8Array(section))
}
