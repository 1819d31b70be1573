// Writes docs/operators.md: what is known of every operator, from its definition. With --check it only says whether the
// page is what it would write.
import { readFileSync, writeFileSync } from 'node:fs'
import type { DType } from '../src/core/dtype.js'
import { allOps } from '../src/ops/all.js'
import { commonOps } from '../src/ops/common.js'
import { gradients } from '../src/ops/gradients.js'
import type { OpDefinition } from '../src/ir/op.js'
import { allFloat32 } from '../src/ir/op.js'
import { knowEverySet } from '../src/onnx/sets/know-every-set.js'
import { introducedAt, OLDEST_OPSET } from '../src/onnx/versions.js'

knowEverySet()

const probed: readonly DType[] = ['float32', 'float64', 'int32', 'int64', 'uint8', 'int8', 'bool']

/** Types for which every input of that type has a kernel; half floats are cast around float32 ones. */
function kernelTypes(op: OpDefinition): string {
  if (!op.emit) return ''
  const count = Math.min(typeof op.arity === 'number' ? op.arity : Math.max(op.arity[0], 1), 8)
  const types = probed.filter((dtype) => {
    const inputs = new Array<DType>(count).fill(dtype)
    try {
      return op.kernel
        ? op.kernel(
            inputs,
            {},
            [true],
            inputs.map(() => ({ shape: [1, 1, 1, 1], constant: true })),
          )
        : allFloat32(inputs)
    } catch {
      return false
    }
  })
  if (types.length === probed.length) return 'all'
  return types.join(', ') || 'by attributes'
}

function how(op: OpDefinition): string {
  const ways = []
  if (op.emit) ways.push('kernel')
  if (op.compute) ways.push('TypeScript')
  if (op.values || op.control) ways.push('TypeScript (values)')
  if (ways.length === 0) ways.push('rewritten at import')
  return ways.join(', ')
}

const common = new Set(commonOps)
const differentiable = new Set<unknown>(gradients.map(({ op }) => op))
const rows = (allOps as readonly OpDefinition[])
  .map((op) => {
    const domain = op.domain || 'ai.onnx'
    const first = introducedAt(op.domain, op.name)
    const below = Math.max(0, ...(op.upgrades ?? []).map((upgrade) => upgrade.below))
    // What is rewritten below a set that is not read, or that does not know the operator, nobody meets.
    const rewritten = below >= first && below > OLDEST_OPSET ? `, rewritten below ${below}` : ''
    return `| ${op.name} | ${domain} | ${first}+${rewritten} | ${how(op)} | ${kernelTypes(op)} | ${differentiable.has(op) ? 'yes' : ''} | ${common.has(op) ? 'common' : 'all'} |`
  })
  .sort((a, b) => a.localeCompare(b))

/** What onnxruntime has and Lanewise has not: why, and which. */
const contribLeftOut: readonly (readonly [why: string, names: string])[] = [
  [
    'a whole search with the decoder inside of one node; `lanewise/generate` searches with the decoder as a model',
    'BeamSearch GreedySearch Sampling WhisperBeamSearch',
  ],
  ['names the compiled model of another accelerator', 'EPContext Snpe'],
  [
    'onnxruntime makes it while it optimises for a GPU and runs it there only: files for its CPU, or for the web, do not have it',
    'BiasDropout BiasSoftmax BitmaskBiasDropout BitmaskDropout ComplexMul ComplexMulConj DecoderAttention DecoderMaskedSelfAttention FusedMatMulActivation GatedRelativePositionBias GemmFastGelu GemmFloat8 GemmaRotaryEmbedding Irfft IsAllFinite LongformerAttention NhwcFusedConv PackedAttention PackedMultiHeadAttention PagedAttention ReduceSumInteger RelativePositionBias RemovePadding RestorePadding Rfft SkipGroupNorm TorchEmbedding',
  ],
  [
    'weights in formats of GPUs, which no operator of ONNX unpacks',
    'DequantizeBFP DequantizeWithOrder MatMulBlockQuantizedFp4Weight MatMulBlockQuantizedFp8Weight MatMulFpQ4 QOrderedAttention QOrderedGelu QOrderedLayerNormalization QOrderedLongformerAttention QOrderedMatMul QuantizeBFP QuantizeWithOrder',
  ],
  ["bitsandbytes' 4-bit floats, which exporters for the web do not write: they write MatMulNBits", 'MatMulBnb4'],
  ['models with experts are beyond what a page downloads', 'MoE QMoE'],
  [
    'made of MatMulNBits and its neighbours for language models on GPUs; MatMulNBits itself runs',
    'MatMulNBitsMlp MatMulNBitsQkv',
  ],
  [
    'of one family of language models, none of which is published for the web; LinearAttention and CausalConvWithState of ONNX 28 run',
    'CausalConvWithState EngramGate GatedAdd GatedDeltaNet GatedRMSNorm LinearAttention LinearAttentionGate MRotaryEmbedding NGramHashMapping SparseAttention VarlenCausalConvWithState VarlenNGramHashMapping',
  ],
  [
    'written for one model of its makers, or to try onnxruntime out; no exporter writes it',
    'AttnLSTM BifurcationDetector ConvTransposeWithDynamicPads CropAndResize DynamicTimeWarping MatMulInteger16 MaxpoolWithMask MulInteger MurmurHash3 NGramRepeatBlock QEmbedLayerNormalization QLinearReduceMean SampleOp UnfoldTensor WordConvEmbedding',
  ],
]
const contrib = new Set(
  (allOps as readonly OpDefinition[]).filter(({ domain }) => domain === 'com.microsoft').map(({ name }) => name),
)
const leftOut = contribLeftOut.map(([why, names]) => {
  const known = names.split(' ').filter((name) => contrib.has(name))
  if (known.length > 0) throw new Error(`listed as left out, but there: ${known.join(', ')}`)
  return `| ${names.replaceAll(' ', ', ')} | ${why} |`
})

const file = new URL('../docs/operators.md', import.meta.url)
const page = `# Operators

Written by \`npm run operators\` from the definitions in \`src/ops\`. "Kernel" is WebAssembly, "TypeScript" serves the types that have no kernel; models on float16
and bfloat16 run on float32 ones. The set \`common\` is registered everywhere, \`all\` in Node when a model needs it and elsewhere by
\`import 'lanewise/ops/all'\`. A gradient is what \`src/ops/gradients.ts\` lists; what is rewritten at import has those of what it becomes.
The operator set is the first that \`exportModel\` writes the operator for: the first that had it (7, the oldest that is read, stands for older ones, too), or with today's
meaning where an older one is not written (GroupNormalization, Scan). "Rewritten below": nodes of older sets mean or say something else; they are brought to today's
meaning when they are read, and said in the older way when they are written.

| operator | domain | operator sets | how | types with a kernel | gradient | set |
|---|---|---|---|---|---|---|
${rows.join('\n')}

## Left out

| what | why |
|---|---|
| sparse tensors as inputs (SparseToDenseMatMul) | a session has no sparse tensors; sparse constants become dense |
| Dropout in training mode inside the body of an If, Loop or Scan | refused: only those of the graph itself are made random |
| BatchNormalization with \`spatial\` 0 that trains | refused: running statistics per element |
| complex numbers in arithmetic, Resize and Unique | ONNX defines no arithmetic on them; the other two are refused |
| \`do_rotary\` of Attention and QAttention (com.microsoft) | refused |

Of onnxruntime's own operators (com.microsoft):

| operators | why |
|---|---|
${leftOut.join('\n')}
`

if (!process.argv.includes('--check')) {
  writeFileSync(file, page)
} else if (readFileSync(file, 'utf8') !== page) {
  console.error('docs/operators.md is stale: npm run operators')
  process.exitCode = 1
}
