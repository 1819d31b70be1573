import { f32, gives, typed, weight, type Case, type Spec } from '../case.js'

const domain = 'com.microsoft'
const i32 = (shape: number[], ...values: number[]): Spec => typed('int32', shape, { values })
const none = undefined

// Expected outputs are those of onnxruntime-web 1.30.
export const microsoftNormCases: readonly Case[] = [
  {
    name: 'all outputs but the statistics',
    op: 'SkipLayerNormalization',
    domain,
    inputs: [f32([2, 2, 5]), f32([2, 2, 5]), weight([5]), weight([5])],
    outputs: 1,
    reference: gives({
      shape: [2, 2, 5],
      data: [
        0.9396503, -0.4235519, 0.13862, -0.3410532, 0.4626095, 0.9387571, -0.5187852, 0.4656195, -1.084943, 0.3086056,
        0.9393439, -0.45017, 0.08691943, -0.5040876, 0.7876168, 0.9397888, -0.4370034, 0.5633638, -0.01963216,
        -0.765186,
      ],
    }),
  },
  {
    name: 'bias, sum',
    op: 'SkipLayerNormalization',
    domain,
    inputs: [f32([2, 2, 5]), f32([2, 2, 5]), weight([5]), weight([5]), weight([5])],
    attributes: { epsilon: 0.01 },
    outputs: 4,
    reference: gives(
      {
        shape: [2, 2, 5],
        data: [
          1.124637, -0.4962893, -0.1942912, 0.3256215, 0.1131783, -0.1995385, -1.049289, 1.47167, -0.8633325, -0.133015,
          -0.3920961, -0.5227106, -0.2975051, 0.08408694, -0.2527137, 0.9534369, -0.2816323, 0.03770217, -0.4899911,
          0.1317221,
        ],
      },
      { shape: [2, 2, 1], data: [-1.190346, 0.2126374, -0.1877124, -0.9938464] },
      { shape: [2, 2, 1], data: [1.449028, 1.198607, 2.293332, 1.55041] },
      {
        shape: [2, 2, 5],
        data: [
          -0.3600733, -1.90468, -0.3815417, -1.810751, -1.494684, -0.3050468, 0.7602102, -1.152565, 1.111768, 0.6488202,
          -0.5739105, -0.6038221, 0.3991926, -0.4046118, 0.2445897, -0.3699343, -2.084941, -0.4901685, -0.6990809,
          -1.325107,
        ],
      },
    ),
  },
  {
    name: 'broadcast skip',
    op: 'SkipLayerNormalization',
    domain,
    inputs: [f32([2, 2, 4]), f32([2, 4]), weight([4])],
    reference: gives({
      shape: [2, 2, 4],
      data: [
        -0.0976475, 1.527449, -0.0001631829, 0.8109128, 0.2043865, -1.475215, 0.01987113, 0.1250181, 0.3116113,
        -0.08565166, -0.02619725, 0.5616144, 0.03174699, -1.493507, 0.005724843, -0.9166774,
      ],
    }),
  },
  {
    name: 'one batch of skip',
    op: 'SkipLayerNormalization',
    domain,
    inputs: [f32([2, 2, 4]), f32([1, 2, 4]), weight([4]), weight([4])],
    reference: gives({
      shape: [2, 2, 4],
      data: [
        0.694576, -1.414317, -1.144184, -0.923274, 0.6778716, 0.06246948, -0.7127431, 1.894881, 1.06224, -1.354476,
        -1.41412, -0.5851176, 0.6997259, -1.340114, 0.4293047, 1.08418,
      ],
    }),
  },
  {
    name: 'float16',
    op: 'SkipLayerNormalization',
    domain,
    inputs: [
      typed('float16', [2, 4], { values: [0x3c00, 0x4000, 0x4200, 0x4400, 0xbc00, 0, 0x3800, 0x3400] }),
      typed('float16', [2, 4], { values: [0, 0, 0, 0, 0x3c00, 0x3c00, 0, 0] }),
      typed('float16', [4], { values: [0x3c00, 0x3c00, 0x4000, 0x4000], constant: true }),
    ],
    reference: gives({ shape: [2, 4], data: [48478, 46888, 15144, 16734, 48316, 15894, 13673, 48143] }),
  },
  {
    name: 'plain',
    op: 'SkipSimplifiedLayerNormalization',
    domain,
    inputs: [f32([2, 2, 5]), f32([2, 2, 5]), weight([5])],
    reference: gives({
      shape: [2, 2, 5],
      data: [
        -1.387641, 0.9012913, -0.1742841, -1.279286, -0.2331625, -0.01193813, 0.3800368, 0.06031874, 1.454363, 1.508262,
        -0.03426019, 1.884945, 0.4086325, -0.3280039, -0.4416673, 1.278652, 0.3087594, 0.09459867, 0.1327047, 1.76958,
      ],
    }),
  },
  {
    name: 'bias',
    op: 'SkipSimplifiedLayerNormalization',
    domain,
    inputs: [f32([1, 3, 4]), f32([1, 3, 4]), weight([4]), weight([4])],
    attributes: { epsilon: 0.1 },
    reference: gives({
      shape: [1, 3, 4],
      data: [
        -1.135049, 0.3095422, -0.1415188, 0.9696765, -0.2593914, 1.078959, 0.1399285, -0.9675505, -1.097817, 0.7216138,
        0.05855805, -0.3537082,
      ],
    }),
  },
  {
    name: 'last axis',
    op: 'SimplifiedLayerNormalization',
    inputs: [f32([2, 2, 5]), weight([5])],
    attributes: { epsilon: 0.01 },
    reference: gives({
      shape: [2, 2, 5],
      data: [
        -1.487117, 0.606486, 0.1637156, 0.02382897, 0.295176, -1.825588, -0.281633, -0.1190065, -0.1962785, -0.1092783,
        -0.6694098, 0.5253853, -0.3299888, -0.210075, 0.5723545, -0.5963383, -0.5498124, -0.1057155, -0.4605097,
        0.0003235355,
      ],
    }),
  },
  {
    name: 'mask and segments',
    op: 'EmbedLayerNormalization',
    domain,
    inputs: [
      i32([2, 3], 0, 4, 2, 3, 1, 1),
      i32([2, 3], 0, 0, 1, 1, 1, 0),
      weight([5, 4]),
      weight([6, 4]),
      weight([2, 4]),
      weight([4]),
      weight([4]),
      i32([2, 3], 1, 1, 0, 1, 1, 1),
    ],
    outputs: 2,
    reference: gives(
      {
        shape: [2, 3, 4],
        data: [
          0.9198669, 0.319747, -1.707487, -0.4906577, 0.4758033, -0.3337688, -1.401188, -0.9937954, 1.065212, -1.515538,
          0.6163723, -0.4398143, 0.6365664, -1.112067, 0.09514934, -1.268981, 0.4673908, -0.5815999, -0.8228164,
          -1.30633, 0.6029657, -0.1473695, -0.997524, -1.33339,
        ],
      },
      { shape: [2], data: [2, 3] },
    ),
  },
  {
    name: 'no segments, sum',
    op: 'EmbedLayerNormalization',
    domain,
    inputs: [i32([1, 3], 0, 4, 2), none, weight([5, 4]), weight([6, 4]), none, weight([4]), weight([4])],
    outputs: 3,
    reference: gives(
      {
        shape: [1, 3, 4],
        data: [
          0.869679, -0.4249663, 0.9633162, -1.172042, 0.7484094, -0.5376863, 1.721579, -1.422681, -0.04455054,
          -0.7838448, 0.4506095, -0.4245009,
        ],
      },
      { shape: [1], data: [0] },
      {
        shape: [1, 3, 4],
        data: [
          -0.5011677, -1.373646, -0.7085308, -0.02112561, 0.1138609, -0.3971755, -0.5242242, 1.148755, -1.238968,
          -0.1311409, -0.3383799, -0.372143,
        ],
      },
    ),
  },
]

const normReference =
  (centred: boolean): Case['reference'] =>
  (inputs, { epsilon }) => {
    const [x, skip, gamma, third, fourth] = inputs
    const [beta, bias] = centred ? [third, fourth] : [undefined, third]
    const columns = x.shape.at(-1)!
    const sums = x.data.map((value, i) => value + skip.data[i % skip.data.length] + (bias ? bias.data[i % columns] : 0))
    const rows = Array.from({ length: sums.length / columns }, (_, r) => sums.slice(r * columns, (r + 1) * columns))
    const means = rows.map((row) => (centred ? row.reduce((a, b) => a + b, 0) / columns : 0))
    const inverses = rows.map(
      (row, r) => 1 / Math.sqrt(row.reduce((a, b) => a + (b - means[r]) ** 2, 0) / columns + (epsilon as number)),
    )
    const y = rows.flatMap((row, r) =>
      row.map((value, i) => (value - means[r]) * inverses[r] * gamma.data[i] + (beta ? beta.data[i] : 0)),
    )
    const shape = [...x.shape.slice(0, -1), 1]
    return [
      { shape: x.shape, data: y },
      { shape, data: means },
      { shape, data: inverses },
      { shape: x.shape, data: sums },
    ]
  }
const rows = (...shape: number[]) => [f32(shape), f32(shape)]
/** Rows that are several vectors long, with and without a rest. */
export const skipNormShapes: readonly Case[] = [
  {
    name: 'a long row with a rest, bias, all outputs',
    op: 'SkipLayerNormalization',
    domain,
    inputs: [...rows(2, 3, 43), weight([43]), weight([43]), weight([43])],
    attributes: { epsilon: 1e-5 },
    outputs: 4,
    reference: normReference(true),
  },
  {
    name: 'no beta, bias',
    op: 'SkipLayerNormalization',
    domain,
    inputs: [...rows(2, 3, 16), weight([16]), none, weight([16])],
    attributes: { epsilon: 1e-5 },
    reference: normReference(true),
  },
  {
    name: 'bias, one batch of skip, sum',
    op: 'SkipLayerNormalization',
    domain,
    inputs: [f32([3, 2, 11]), f32([1, 2, 11]), weight([11]), weight([11]), weight([11])],
    attributes: { epsilon: 1e-5 },
    outputs: 4,
    reference: normReference(true),
  },
  {
    name: 'one column',
    op: 'SkipLayerNormalization',
    domain,
    inputs: [...rows(2, 2, 1), weight([1]), weight([1]), weight([1])],
    attributes: { epsilon: 0.1 },
    reference: normReference(true),
  },
  {
    name: 'a long row with a rest, bias, sum',
    op: 'SkipSimplifiedLayerNormalization',
    domain,
    inputs: [...rows(2, 3, 43), weight([43]), weight([43])],
    attributes: { epsilon: 1e-5 },
    outputs: 4,
    reference: normReference(false),
  },
  {
    name: 'a long row without a rest',
    op: 'SkipSimplifiedLayerNormalization',
    domain,
    inputs: [...rows(2, 3, 24), weight([24])],
    attributes: { epsilon: 1e-5 },
    reference: normReference(false),
  },
]
