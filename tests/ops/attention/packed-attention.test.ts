import { expect, it } from 'vitest'
import { hostZeros, type HostTensor } from '../../../src/core/host.js'
import { randomTensor, seeded } from '../../support/random.js'
import { runNode } from '../../support/cases/run-node.js'

const [batch, length, heads, size] = [2, 3, 2, 4]
const random = seeded(1)
const [q, k, v] = [0, 1, 2].map(() => randomTensor(random, 'float32', [batch, length, heads * size]))

/** Tensors of [batch, length, heads · size] interleaved as [batch, length, heads, tensors, size]. */
function packed(...parts: HostTensor[]): HostTensor {
  const result = hostZeros('float32', [batch, length, heads, parts.length, size])
  const to = result.data as Float32Array
  for (let row = 0; row < batch * length * heads; row++) {
    parts.forEach((part, p) =>
      to.set((part.data as Float32Array).subarray(row * size, (row + 1) * size), (row * parts.length + p) * size),
    )
  }
  return result
}

const attention = async (...inputs: HostTensor[]) =>
  (await runNode({ op: 'MultiHeadAttention', domain: 'com.microsoft', inputs, attributes: { num_heads: heads } }))[0]

// ONNX Runtime's CPU kernels do not take packed operands, so there is no other answer to compare with than that for
// separate ones.
it('packed operands of MultiHeadAttention give what separate ones give', async () => {
  const separate = await attention(q, k, v)
  expect(await attention(packed(q, k, v))).toEqual(separate)
  expect(await attention(q, packed(k, v))).toEqual(separate)
})
