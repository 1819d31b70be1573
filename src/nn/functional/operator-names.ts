// Names and attributes of ai.onnx operators as TypeScript knows them: types only, nothing of this is in the program.

import type * as attention from '../../ops/attention/attention.js'
import type * as rotaryEmbedding from '../../ops/attention/rotary-embedding.js'
import type * as convTranspose from '../../ops/conv/conv-transpose.js'
import type * as conv from '../../ops/conv/conv.js'
import type * as arithmetic from '../../ops/elementwise/arithmetic.js'
import type * as cast from '../../ops/elementwise/cast.js'
import type * as logic from '../../ops/elementwise/logic.js'
import type * as swiglu from '../../ops/elementwise/swiglu.js'
import type * as unary from '../../ops/elementwise/unary.js'
import type * as gridSample from '../../ops/image/grid-sample.js'
import type * as nonMaxSuppression from '../../ops/image/non-max-suppression.js'
import type * as resize from '../../ops/image/resize.js'
import type * as loss from '../../ops/loss/loss.js'
import type * as det from '../../ops/matmul/det.js'
import type * as einsum from '../../ops/matmul/einsum.js'
import type * as gemm from '../../ops/matmul/gemm.js'
import type * as matmul from '../../ops/matmul/matmul.js'
import type * as concat from '../../ops/movement/concat.js'
import type * as depthToSpace from '../../ops/movement/depth-to-space.js'
import type * as expand from '../../ops/movement/expand.js'
import type * as gather from '../../ops/movement/gather.js'
import type * as identity from '../../ops/movement/identity.js'
import type * as nonZero from '../../ops/movement/non-zero.js'
import type * as pad from '../../ops/movement/pad.js'
import type * as reshape from '../../ops/movement/reshape.js'
import type * as reverseSequence from '../../ops/movement/reverse-sequence.js'
import type * as scatterWindow from '../../ops/movement/scatter-window.js'
import type * as scatter from '../../ops/movement/scatter.js'
import type * as select from '../../ops/movement/select.js'
import type * as slice from '../../ops/movement/slice.js'
import type * as transpose from '../../ops/movement/transpose.js'
import type * as trilu from '../../ops/movement/trilu.js'
import type * as batchNorm from '../../ops/norm/batch-norm.js'
import type * as lrn from '../../ops/norm/lrn.js'
import type * as meanVariance from '../../ops/norm/mean-variance.js'
import type * as norm from '../../ops/norm/norm.js'
import type * as softmax from '../../ops/norm/softmax.js'
import type * as pool from '../../ops/pool/pool.js'
import type * as roi from '../../ops/pool/roi.js'
import type * as integerLinear from '../../ops/quantize/integer-linear.js'
import type * as quantize from '../../ops/quantize/quantize.js'
import type * as random from '../../ops/random/random.js'
import type * as arg from '../../ops/reduce/arg.js'
import type * as reduce from '../../ops/reduce/reduce.js'
import type * as running from '../../ops/reduce/running.js'
import type * as topK from '../../ops/reduce/top-k.js'
import type * as rnn from '../../ops/rnn/rnn.js'
import type * as signal from '../../ops/signal/signal.js'
import type { OpDefinition } from '../../ir/op.js'

type Definitions = typeof attention &
  typeof rotaryEmbedding &
  typeof convTranspose &
  typeof conv &
  typeof arithmetic &
  typeof cast &
  typeof logic &
  typeof swiglu &
  typeof unary &
  typeof gridSample &
  typeof nonMaxSuppression &
  typeof resize &
  typeof loss &
  typeof det &
  typeof einsum &
  typeof gemm &
  typeof matmul &
  typeof concat &
  typeof depthToSpace &
  typeof expand &
  typeof gather &
  typeof identity &
  typeof nonZero &
  typeof pad &
  typeof reshape &
  typeof reverseSequence &
  typeof scatterWindow &
  typeof scatter &
  typeof select &
  typeof slice &
  typeof transpose &
  typeof trilu &
  typeof batchNorm &
  typeof lrn &
  typeof meanVariance &
  typeof norm &
  typeof softmax &
  typeof pool &
  typeof roi &
  typeof integerLinear &
  typeof quantize &
  typeof random &
  typeof arg &
  typeof reduce &
  typeof running &
  typeof topK &
  typeof rnn &
  typeof signal

/** Attributes as they may be given: all with a default left out, flags as booleans. */
type Given<A> = { readonly [K in keyof A]?: A[K] | (A[K] extends number ? boolean : never) }

/** The attributes of each operator by its name. */
export type AttributesByName = {
  readonly [
    N in keyof Definitions as Definitions[N] extends OpDefinition<never> ? N : never
  ]: Definitions[N] extends OpDefinition<infer A> ? Given<A> : never
}
