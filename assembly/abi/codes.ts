// Numbers that both sides of the boundary name: read by the AssemblyScript compiler and by TypeScript alike, so there
// are no type annotations here. A code is part of the ABI; new ones go to the end of their list.

// Functions of one float32 element. `a` and `b` are the kernel's two scalars.
export const UNARY_NONE = 0 // x
export const UNARY_RELU = 1
export const UNARY_CLIP = 2 // min(max(x, a), b)
export const UNARY_LEAKY_RELU = 3 // x < 0 ? a·x : x
export const UNARY_SIGMOID = 4
export const UNARY_TANH = 5
export const UNARY_HARD_SIGMOID = 6 // min(max(a·x + b, 0), 1)
export const UNARY_HARD_SWISH = 7 // x · min(max(x/6 + ½, 0), 1)
export const UNARY_SILU = 8 // x · sigmoid(a·x); a = 1 is SiLU
export const UNARY_GELU = 9 // x/2 · (1 + erf(x/√2))
export const UNARY_GELU_TANH = 10 // x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³)))
export const UNARY_ELU = 11 // x < 0 ? a·(eˣ − 1) : x
export const UNARY_SELU = 12 // b · (x < 0 ? a·(eˣ − 1) : x)
export const UNARY_SOFTPLUS = 13
export const UNARY_SOFTSIGN = 14
export const UNARY_MISH = 15
export const UNARY_CELU = 16 // max(0, x) + min(0, a·(e^(x/a) − 1))
export const UNARY_THRESHOLDED_RELU = 17 // x > a ? x : 0
export const UNARY_SHRINK = 18 // x < −a ? x + b : x > a ? x − b : 0
export const UNARY_EXP = 19
export const UNARY_LOG = 20
export const UNARY_ERF = 21
export const UNARY_SQRT = 22
export const UNARY_RECIPROCAL = 23
export const UNARY_ABS = 24
export const UNARY_NEG = 25
export const UNARY_FLOOR = 26
export const UNARY_CEIL = 27
export const UNARY_ROUND = 28 // halves to even
export const UNARY_SIGN = 29
export const UNARY_SIN = 30
export const UNARY_COS = 31
export const UNARY_TAN = 32
export const UNARY_ASIN = 33
export const UNARY_ACOS = 34
export const UNARY_ATAN = 35
export const UNARY_SINH = 36
export const UNARY_COSH = 37
export const UNARY_ASINH = 38
export const UNARY_ACOSH = 39
export const UNARY_ATANH = 40
export const UNARY_AFFINE = 41 // a·x + b
export const UNARY_SQUARE = 42
export const UNARY_GRID = 43 // a · min(max(round(x/a), −b), 255 − b), NaN → 0: quantised to a byte and back
export const UNARY_HARDTANH = 44 // a gradient alone: that of clip, but 0 at the bounds a and b

// Functions of two elements.
export const BINARY_ADD = 0
export const BINARY_SUB = 1
export const BINARY_MUL = 2
export const BINARY_DIV = 3
export const BINARY_MIN = 4
export const BINARY_MAX = 5
export const BINARY_POW = 6
export const BINARY_PRELU = 7 // x < 0 ? x·y : x
export const BINARY_MOD = 8 // sign of the divisor (integers)
export const BINARY_FMOD = 9 // sign of the dividend
export const BINARY_AND = 10 // integers and bools, bit by bit
export const BINARY_OR = 11
export const BINARY_XOR = 12

// Steps of a chain of elementwise functions (chain.ts).
export const CHAIN_UNARY = 0 // value = f(value)
export const CHAIN_BINARY = 1 // value = value op operand
export const CHAIN_FLIPPED = 2 // value = operand op value

// How an operand of a chain spreads over the output.
export const CHAIN_FULL = 0 // one element per output element
export const CHAIN_SCALAR = 1 // one element
export const CHAIN_ROW = 2 // one element per index of the innermost axis

/** Operands that a chain may have besides its first. */
export const CHAIN_OPERANDS = 5

// Comparisons: a bool (one byte, 0 or 1) per element.
export const COMPARE_EQUAL = 0
export const COMPARE_LESS = 1
export const COMPARE_LESS_OR_EQUAL = 2
export const COMPARE_GREATER = 3
export const COMPARE_GREATER_OR_EQUAL = 4

// Folds of many elements into one.
export const REDUCE_SUM = 0
export const REDUCE_MEAN = 1
export const REDUCE_MAX = 2
export const REDUCE_MIN = 3
export const REDUCE_PROD = 4
export const REDUCE_SUM_SQUARE = 5
export const REDUCE_L1 = 6
export const REDUCE_L2 = 7
export const REDUCE_LOG_SUM = 8
export const REDUCE_LOG_SUM_EXP = 9

// How conv_direct_f32 computes what lies under one output row.
export const DIRECT_PRODUCTS = 0 // a matrix product per kernel row
export const DIRECT_DOTS = 1 // a dot product per pixel and filter
export const DIRECT_TAPS = 2 // one input channel: four pixels to a vector
export const DIRECT_TILES = 3 // a register tile over all kernel rows

// Where depthwise_f32 reads the columns that see no padding; the others are always read from the ring.
export const DEPTHWISE_RING = 0 // in rows copied once, with their padding
export const DEPTHWISE_IMAGE = 1 // where they lie, four channels at a time
export const DEPTHWISE_LINES = 2 // where they lie, a cache line of sixteen channels at a time (stride 2)

// The table of a window that slides over images (lib/window.ts): pitches, channels, then sizes of three axes each,
// depth first.
export const WINDOW_X_PITCH = 0
export const WINDOW_Y_PITCH = 1
export const WINDOW_RESIDUAL_PITCH = 2
export const WINDOW_GROUPS = 3
export const WINDOW_INPUTS = 4 // channels of one group
export const WINDOW_OUTPUTS = 5
export const WINDOW_X = 6
export const WINDOW_Y = 9
export const WINDOW_KERNEL = 12
export const WINDOW_STRIDES = 15
export const WINDOW_DILATIONS = 18
export const WINDOW_BEGIN = 21 // padding before the image
export const WINDOW_END = 24 // padding after it
export const WINDOW_IMAGES = 27
export const WINDOW_ENTRIES = 28

// The table of a matrix product (matmul/gemm.ts): strides in elements, then sizes.
export const PRODUCT_A_ROW = 0
export const PRODUCT_A_COL = 1
export const PRODUCT_B_ROW = 2
export const PRODUCT_B_COL = 3
export const PRODUCT_RESIDUAL_ROW = 4
export const PRODUCT_C_ROW = 5
export const PRODUCT_M = 6
export const PRODUCT_K = 7
export const PRODUCT_N = 8
export const PRODUCT_ENTRIES = 9

// The table of a recurrent layer (rnn/rnn.ts).
export const RNN_G_STEP = 0
export const RNN_G_ROW = 1
export const RNN_STATE_ROW = 2
export const RNN_Y_STEP = 3
export const RNN_Y_ROW = 4
export const RNN_STEPS = 5
export const RNN_HIDDEN = 6
export const RNN_WIDE = 7
export const RNN_REVERSE = 8
export const RNN_AFTER = 9
export const RNN_ENTRIES = 10

// The table of an LSTM with attention (rnn/attention-lstm.ts).
export const ATTENTION_LSTM_STEPS = 0
export const ATTENTION_LSTM_BATCH = 1
export const ATTENTION_LSTM_HIDDEN = 2
export const ATTENTION_LSTM_PLACES = 3
export const ATTENTION_LSTM_ENTRIES = 4

// What lies outside an image that is sampled.
export const PADDING_ZEROS = 0
export const PADDING_BORDER = 1
export const PADDING_REFLECTION = 2

// The table of an attention: sizes, then strides of batch, head, row and element.
export const ATTENTION_KV_HEADS = 0
export const ATTENTION_GROUP = 1 // heads of queries for each of keys
export const ATTENTION_QUERIES = 2
export const ATTENTION_KEYS = 3
export const ATTENTION_SIZE = 4
export const ATTENTION_VALUE_SIZE = 5
export const ATTENTION_IS_CAUSAL = 6 // 0, or CAUSAL_*
export const ATTENTION_CAUSAL = 7 // a query's own key is that many further
export const ATTENTION_WINDOW = 8 // keys a query sees at most, its own included; 0: no limit
export const ATTENTION_ENDS = 9
export const ATTENTION_MASK_KIND = 10
export const ATTENTION_Q = 11
export const ATTENTION_K = 15
export const ATTENTION_V = 19
export const ATTENTION_Y = 23 // elements are neighbours
export const ATTENTION_MASK = 26
export const ATTENTION_FILL = 30 // bits of what a forbidden score becomes
export const ATTENTION_SCALE = 31 // bits of a float32, as are the softcap and what kept probabilities are multiplied by
export const ATTENTION_SOFTCAP = 32 // 0: none
export const ATTENTION_DROPPED = 33 // share of the probabilities that is dropped, times 2³²
export const ATTENTION_KEPT = 34
export const ATTENTION_AS_WRITTEN = 35 // not 0: NaN where products and a softmax by themselves would make it
export const ATTENTION_ENTRIES = 36

// Where, with `ends`, the queries of an example stand that has fewer keys than queries: from its first key on, or up to
// its last.
export const CAUSAL_FROM_FIRST = 1
export const CAUSAL_TO_LAST = 2

// The table of heads that are placed: sizes, then strides of batch, head and row.
export const KV_CACHE_HEADS = 0
export const KV_CACHE_ROWS = 1
export const KV_CACHE_SIZE = 2
export const KV_CACHE_PAIRS = 3 // elements that are turned, halved
export const KV_CACHE_INTERLEAVED = 4
export const KV_CACHE_POSITIONS = 5 // rows of the tables of angles
export const KV_CACHE_CAPACITY = 6 // rows of the cache; 0: it is none
export const KV_CACHE_PAST = 7 // rows of the past
export const KV_CACHE_ADD = 8
export const KV_CACHE_X = 9
export const KV_CACHE_Y = 12
export const KV_CACHE_ENTRIES = 15

// Masks of an attention.
export const MASK_NONE = 0
export const MASK_ADDED = 1 // float32
export const MASK_ALLOWED = 2 // bytes: 0 forbids

// What products of 8-bit integers are stored as.
export const INTEGER_BYTES = 0 // requantised
export const INTEGER_INT32 = 1 // the sums
export const INTEGER_FLOAT32 = 2 // scaled, a bias added

// What elements_f32 does.
export const ELEMENTS_ADD = 0
export const ELEMENTS_TAKE = 1
export const ELEMENTS_CLEAR = 2

// What grid_sample_gradient_f32 interpolates by.
export const SAMPLE_LINEAR = 0
export const SAMPLE_NEAREST = 1
export const SAMPLE_CUBIC = 2

// How a call is shared between threads (lib/threads.ts): places, in bytes, of the block that a context has for it.
// What one side writes while another reads it over and over has a cache line of its own.
export const SHARE_TICKETS = 0 // i64: number of the call above, pieces that nobody has taken below
export const SHARE_DONE = 64 // i32: pieces that other threads have finished
export const SHARE_AWAKE = 128 // i32: other threads that look for pieces now
export const SHARE_FAILED = 132 // i32: other threads that a kernel has failed in
export const SHARE_WAITING = 136 // i32: 1 while the first thread sleeps until all is done
export const SHARE_PAUSES = 140 // i32: the longest pause before and after each piece, in turns of a loop; for tests
export const SHARE_PAGES = 144 // i32: pages of the memory when the call was made
// i32: naps of the first thread without a finished piece after which another must have died
export const SHARE_PATIENCE = 148
export const SHARE_REASON = 152 // why a kernel has failed in another thread, in Latin letters, then zeros
export const SHARE_REASON_BYTES = 40
export const SHARE_CALL = 192 // the call itself: the words below, then its arguments
export const SHARE_BYTES = 384

// Words of i32 that say how a call is cut, before its arguments.
export const CALL_KERNEL = 0
export const CALL_BEGIN = 1
export const CALL_END = 2
export const CALL_STEP = 3 // of the range, in one piece
export const CALL_PIECES = 4
export const CALL_SCRATCH = 5 // of the first thread
export const CALL_SCRATCHES = 6 // of the others, one after the other
export const CALL_SCRATCH_BYTES = 7
export const CALL_ARGUMENTS = 8
