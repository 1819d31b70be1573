import { execFileSync } from 'node:child_process'
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  checkLocation,
  memoryExternalData,
  noExternalData,
  parseExternal,
  type ExternalData,
} from '../../src/onnx/external-data.js'
import type { TensorProto } from '../../src/onnx/schema/onnx.js'
import { createMessage } from '../../src/onnx/schema/table.js'
import { decodeTensor, tensorBytes } from '../../src/onnx/tensor-proto.js'
import { nodeExternalData, type NodeExternalData } from '../../src/platform/node-external.js'
import { expectError } from '../support/expect-error.js'

const values = Float32Array.of(1, 2, 3, 4)
const content = new Uint8Array(values.buffer)

/** A float tensor whose data are elsewhere. */
function tensor(entries: Record<string, string> | [string, string][], dims: number[] = [2]): TensorProto {
  const pairs = Array.isArray(entries) ? entries : Object.entries(entries)
  const externalData = pairs.map(([key, value]) => ({ key, value }))
  return createMessage('TensorProto', { name: 'w', dataType: 1, dims, dataLocation: 1, externalData })
}

const badLocations: Record<string, string> = {
  'an absolute path': '/etc/passwd',
  'a drive letter': 'C:/weights.bin',
  'a drive letter without a slash': 'c:weights.bin',
  'a UNC path': '\\\\server\\share\\w.bin',
  'a UNC path with slashes': '//server/share/w.bin',
  'a way out': 'a/../../x',
  'a way out at once': '../x',
  'a parent folder inside': 'a/../x',
  'a parent folder alone': '..',
  'a backslash': 'a\\b',
  'a backslash and dots': '..\\x',
  'a NUL': 'w.bin\0.txt',
  'an empty path': '',
  'a path of dots': './.',
}

const badEntries: Record<string, Record<string, string> | [string, string][]> = {
  'a negative offset': { location: 'w.bin', offset: '-4' },
  'a negative length': { location: 'w.bin', length: '-8' },
  'an offset that is no number': { location: 'w.bin', offset: 'four' },
  'a length that is no number': { location: 'w.bin', length: '8 bytes' },
  'a hexadecimal offset': { location: 'w.bin', offset: '0x4' },
  'a fraction': { location: 'w.bin', offset: '4.0' },
  'an exponent': { location: 'w.bin', length: '8e0' },
  'an empty offset': { location: 'w.bin', offset: '' },
  'an offset with blanks': { location: 'w.bin', offset: ' 4' },
  'an offset over 2^53': { location: 'w.bin', offset: '9007199254740992' },
  'an offset over 2^64': { location: 'w.bin', offset: '18446744073709551617' },
  'offset + length over 2^53': { location: 'w.bin', offset: '9007199254740991', length: '9007199254740991' },
  'offset + length past the end': { location: 'w.bin', offset: '12', length: '8' },
  'an offset past the end': { location: 'w.bin', offset: '17' },
  'a length past the end': { location: 'w.bin', length: '1000' },
  'an unknown key': { location: 'w.bin', compression: 'gzip' },
  'the key __proto__': [
    ['location', 'w.bin'],
    ['__proto__', 'x'],
  ],
  'the key constructor': [
    ['location', 'w.bin'],
    ['constructor', 'x'],
  ],
  'an empty key': [
    ['location', 'w.bin'],
    ['', 'x'],
  ],
  'a key twice': [
    ['location', 'w.bin'],
    ['location', 'v.bin'],
  ],
  'no location': { offset: '0' },
  'a file that is not there': { location: 'v.bin' },
  'a prototype name as a file': { location: '__proto__' },
}

function hostileCases(open: () => ExternalData): void {
  for (const [name, location] of Object.entries(badLocations)) {
    it(`refuses ${name}`, () => {
      const error = expectError('E_EXTERNAL', () => decodeTensor(tensor({ location }), open()))
      expect(error.tensor).toBe('w')
    })
  }
  for (const [name, entries] of Object.entries(badEntries)) {
    it(`refuses ${name}`, () => {
      const error = expectError('E_EXTERNAL', () => decodeTensor(tensor(entries), open()))
      expect(error.tensor).toBe('w')
      expectError('E_EXTERNAL', () => tensorBytes(tensor(entries), open()))
    })
  }

  it('reads what is there', () => {
    const read = (entries: Record<string, string>, dims?: number[]) => decodeTensor(tensor(entries, dims), open()).data
    expect(read({ location: 'w.bin' })).toEqual(values.slice(0, 2))
    expect(read({ location: './w.bin', offset: '8' })).toEqual(values.slice(2))
    expect(read({ location: 'w.bin', offset: '4', length: '8', checksum: 'da39a3ee' })).toEqual(values.slice(1, 3))
    expect(read({ location: 'w.bin', offset: '16', length: '0' }, [0])).toEqual(new Float32Array(0))
    expect(read({ location: 'w.bin', offset: '0', length: '16' }, [2, 2])).toEqual(values)
  })

  it('refuses a length that is not what the shape needs', () => {
    expectError(
      'E_TENSOR',
      () => decodeTensor(tensor({ location: 'w.bin', length: '16' }), open()),
      /8 bytes are needed/,
    )
    expectError('E_TENSOR', () => decodeTensor(tensor({ location: 'w.bin', length: '4' }), open()))
  })
}

describe('external data from memory', () => {
  hostileCases(() => memoryExternalData([{ path: './w.bin', data: content }]))

  it('takes ArrayBuffers, and reads views', () => {
    const source = memoryExternalData([{ path: 'a/w.bin', data: content.buffer }])
    expect(source.read('a/w.bin', 4, 4).buffer).toBe(content.buffer)
  })

  it('refuses a path twice and paths that no model may use', () => {
    expectError(
      'E_EXTERNAL',
      () =>
        memoryExternalData([
          { path: 'a', data: content },
          { path: './a', data: content },
        ]),
      /twice/,
    )
    expectError('E_EXTERNAL', () => memoryExternalData([{ path: '/a', data: content }]))
  })

  it('names the files that were given', () => {
    const source = memoryExternalData([{ path: 'v.bin', data: content }])
    expectError('E_EXTERNAL', () => decodeTensor(tensor({ location: 'w.bin' }), source), /"w\.bin".*"v\.bin"/)
  })
})

describe('external data without a source', () => {
  it('says how to pass them', () => {
    expectError(
      'E_EXTERNAL',
      () => decodeTensor(tensor({ location: 'sub/w.bin' })),
      /externalData: \[\{ path: "sub\/w\.bin", data/,
    )
    expectError('E_EXTERNAL', () => noExternalData.read('w.bin', 0, 1))
  })

  it('checks the reference before', () => {
    expectError('E_EXTERNAL', () => decodeTensor(tensor({ location: '../w.bin' })), /"\.\."/)
    expectError(
      'E_TENSOR',
      () => decodeTensor({ ...tensor({ location: 'w.bin' }), rawData: content.subarray(0, 8) }),
      /twice/,
    )
  })

  it('normalises paths', () => {
    expect(checkLocation('./a//b/./c.bin')).toBe('a/b/c.bin')
    expect(checkLocation('onnx::MatMul_1')).toBe('onnx::MatMul_1')
    expect(parseExternal(tensor({ location: 'a', offset: '7' }))).toEqual({
      location: 'a',
      offset: 7,
      length: undefined,
    })
  })
})

describe('external data from files', () => {
  let base: string
  let folder: string
  let source: NodeExternalData

  beforeEach(() => {
    base = realpathSync(mkdtempSync(join(tmpdir(), 'external-')))
    folder = join(base, 'model')
    mkdirSync(join(folder, 'sub'), { recursive: true })
    writeFileSync(join(folder, 'w.bin'), content)
    writeFileSync(join(folder, 'sub', 'w.bin'), content)
    writeFileSync(join(base, 'secret'), content)
    source = nodeExternalData(folder)
  })

  afterEach(() => {
    source.close()
    rmSync(base, { recursive: true, force: true })
  })

  hostileCases(() => source)

  function refused(location: string, message: RegExp): void {
    expectError('E_EXTERNAL', () => decodeTensor(tensor({ location }), source), message)
  }

  it('reads files in folders below, one after the other and again', () => {
    for (const location of ['sub/w.bin', 'w.bin', 'sub/w.bin']) {
      expect(decodeTensor(tensor({ location }), source).data).toEqual(values.slice(0, 2))
    }
    source.close()
    expect(decodeTensor(tensor({ location: 'w.bin' }), source).data).toEqual(values.slice(0, 2))
  })

  it('refuses a symbolic link, also one that stays inside or leads nowhere', () => {
    symlinkSync(join(base, 'secret'), join(folder, 'link'))
    refused('link', /symbolic link/)
    symlinkSync('w.bin', join(folder, 'inside'))
    refused('inside', /symbolic link/)
    symlinkSync('nowhere', join(folder, 'dangling'))
    refused('dangling', /symbolic link/)
  })

  it('refuses a symbolic link of a parent folder', () => {
    mkdirSync(join(base, 'elsewhere', 'deep'), { recursive: true })
    writeFileSync(join(base, 'elsewhere', 'deep', 'w.bin'), content)
    symlinkSync(join(base, 'elsewhere'), join(folder, 'linked'))
    refused('linked/deep/w.bin', /"linked" is a symbolic link/)
    mkdirSync(join(folder, 'a'))
    symlinkSync('../../elsewhere/deep', join(folder, 'a', 'b'))
    refused('a/b/w.bin', /"a\/b" is a symbolic link/)
  })

  it('accepts that the model folder itself is a link', () => {
    symlinkSync(folder, join(base, 'shortcut'))
    using linked = nodeExternalData(join(base, 'shortcut'))
    expect(linked.read('sub/w.bin', 0, 4)).toEqual(content.subarray(0, 4))
  })

  it('refuses a hard link unless allowed', () => {
    linkSync(join(base, 'secret'), join(folder, 'hard'))
    refused('hard', /hard links/)
    using allowing = nodeExternalData(folder, { allowHardLinks: true })
    expect(allowing.read('hard', 0, 4)).toEqual(content.subarray(0, 4))
  })

  it('refuses a FIFO without waiting for its writer', () => {
    execFileSync('mkfifo', [join(folder, 'fifo')])
    refused('fifo', /not a regular file/)
  })

  it('refuses devices and folders', () => {
    using devices = nodeExternalData('/dev')
    expectError('E_EXTERNAL', () => devices.read('zero', 0, 8), /not a regular file/)
    refused('sub', /not a regular file/)
    refused('w.bin/x', /not a folder/)
  })

  it('notices a file that became shorter', () => {
    source.read('w.bin', 0, 4)
    truncateSync(join(folder, 'w.bin'), 8)
    expectError('E_EXTERNAL', () => source.read('w.bin', 8, 8), /shorter/)
  })

  it('looks again when a file is opened again', () => {
    source.read('w.bin', 0, 4)
    source.close()
    unlinkSync(join(folder, 'w.bin'))
    symlinkSync(join(base, 'secret'), join(folder, 'w.bin'))
    refused('w.bin', /symbolic link/)
    renameSync(join(folder, 'sub'), join(folder, 'bus'))
    refused('sub/w.bin', /ENOENT/)
  })

  it('refuses a folder that is not there', () => {
    expectError('E_EXTERNAL', () => nodeExternalData(join(base, 'none')), /ENOENT/)
  })
})
