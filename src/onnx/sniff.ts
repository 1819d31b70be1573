/**
 * What a file that is no ONNX model looks like, for the error message; undefined if it looks like nothing in
 * particular.
 */
export function sniff(bytes: Uint8Array): string | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, 64))
  const found = signatures.find(([pattern]) => pattern.test(head))?.[1]
  if (found === 'a zip archive' && /\/(data\.pkl|constants\.pkl|version)/.test(latin1(bytes, 4096)))
    return 'a PyTorch file'
  if (found !== undefined) return found
  // safetensors: the length of a JSON header as a uint64, then the header.
  if (/^.{4}\0\0\0\0\{/s.test(head)) return 'a safetensors file'
  const text = head.replace(/^\xef\xbb\xbf/, '').trimStart()
  if (/^<(!doctype html|html|head|body)/i.test(text)) return 'an HTML page'
  if (text.startsWith('<')) return 'XML or HTML text'
  if (/^[[{]/.test(text)) return 'JSON text'
  if (/^\x08\x01\x12/.test(head) && /tensorflow|saved_model|serve/.test(latin1(bytes, 1 << 16)))
    return 'a TensorFlow SavedModel'
  if (/^\n.{1,3}\n/s.test(head) && /Placeholder|Const|dtype/.test(latin1(bytes, 4096))) return 'a TensorFlow GraphDef'
  if (bytes.length > 0 && bytes.subarray(0, 4096).every((byte) => byte === 0)) return 'a file of zeros'
  return undefined
}

function latin1(bytes: Uint8Array, length: number): string {
  return new TextDecoder('latin1').decode(bytes.subarray(0, length))
}

const signatures: readonly (readonly [RegExp, string])[] = [
  [/^version https:\/\/git-lfs/, 'a Git LFS pointer (the file itself was not downloaded; run `git lfs pull`)'],
  [/^\x1f\x8b/, 'a gzip file (decompress it first)'],
  [/^PK[\x03\x05]/, 'a zip archive'],
  [/^\x80[\x02-\x05]/, 'a Python pickle (PyTorch)'],
  [/^....TFL3/s, 'a TensorFlow Lite model'],
  [/^....ORTM/s, 'an onnxruntime .ort model'],
  [/^\x89LWM/, 'a prepared model, which only InferenceSession.create reads'],
  [/^\x89HDF/, 'an HDF5 file (Keras)'],
  [/^\x93NUMPY/, 'a NumPy array'],
  [/^GGUF/, 'a GGUF file'],
  [/^\0asm/, 'a WebAssembly module'],
  [/^\x89PNG|^\xff\xd8\xff|^GIF8/, 'a picture'],
  [/^%PDF/, 'a PDF'],
  [/^\x28\xb5\x2f\xfd|^BZh|^\xfd7zXZ|^7z\xbc\xaf/, 'a compressed archive (decompress it first)'],
]
