import { decoderReference, multiHeadReference, projectedReference } from '../attention/microsoft-attention.reference.js'
import { f32, gives, typed, weight, type Case, type Spec } from '../case.js'

const domain = 'com.microsoft'
const i32 = (shape: number[], ...values: number[]): Spec => typed('int32', shape, { values })
const none = undefined
const gelu = [f32([2, 5], { low: -3, high: 3 }), weight([5])]

// Expected outputs are those of onnxruntime-web 1.30.
export const contribCases: readonly Case[] = [
  {
    name: 'erf',
    op: 'Gelu',
    domain,
    inputs: gelu.slice(0, 1),
    reference: gives({
      shape: [2, 5],
      data: [
        -0.0157032, 0.1631946, -0.05864961, -0.004717714, -0.1692254, 2.394159, 2.842265, -0.02301599, 1.39749,
        0.1987652,
      ],
    }),
  },
  {
    name: 'bias',
    op: 'BiasGelu',
    domain,
    inputs: gelu,
    reference: gives({
      shape: [2, 5],
      data: [
        1.247491, -0.1651441, -0.1657379, -0.006244116, -0.1232813, 3.497061, -0.004894729, -0.0002005349, -0.1676301,
        0.867007,
      ],
    }),
  },
  {
    name: 'plain',
    op: 'FastGelu',
    domain,
    inputs: gelu.slice(0, 1),
    reference: gives({
      shape: [2, 5],
      data: [
        1.838617, -0.005462986, 0.7054543, -0.1428787, -0.06088817, 1.021715, -0.003996911, 0.6220411, -0.1644588,
        -0.1537391,
      ],
    }),
  },
  {
    name: 'bias',
    op: 'FastGelu',
    domain,
    inputs: gelu,
    reference: gives({
      shape: [2, 5],
      data: [
        3.37, 3.475411, 0.8852682, 0.07331682, -0.04173476, -0.09055409, 3.477419, 2.065259, -0.01683786, 0.7633744,
      ],
    }),
  },
  {
    name: 'default',
    op: 'QuickGelu',
    domain,
    inputs: gelu.slice(0, 1),
    reference: gives({
      shape: [2, 5],
      data: [
        -0.01950435, -0.1116231, 1.057196, -0.01980847, -0.03187835, 0.1254177, -0.1586517, -0.0661938, 1.660687,
        -0.1160116,
      ],
    }),
  },
  {
    name: 'alpha',
    op: 'QuickGelu',
    domain,
    inputs: gelu.slice(0, 1),
    attributes: { alpha: 0.5 },
    reference: gives({
      shape: [2, 5],
      data: [
        -0.5490494, 0.6760466, -0.5564306, -0.1410409, -0.2348846, -0.4443722, -0.1375359, 0.3831414, -0.4042182,
        -0.361871,
      ],
    }),
  },
  {
    name: 'relu',
    op: 'FusedConv',
    domain,
    inputs: [f32([1, 2, 3, 3]), weight([2, 2, 2, 2]), weight([2])],
    attributes: { activation: 'Relu' },
    reference: gives({ shape: [1, 2, 2, 2], data: [0.1004894, 0.4872165, 0, 0, 1.209458, 0, 1.354825, 1.201813] }),
  },
  {
    name: 'leaky relu, addend',
    op: 'FusedConv',
    domain,
    inputs: [f32([1, 2, 3, 3]), weight([2, 2, 2, 2]), weight([2]), f32([1, 2, 2, 2])],
    attributes: { activation: 'LeakyRelu', activation_params: [0.3] },
    reference: gives({
      shape: [1, 2, 2, 2],
      data: [0.9843054, 0.9983949, -0.01338353, 0.3302836, 1.47356, -0.170391, 0.3328338, 0.4718937],
    }),
  },
  {
    name: 'clip, no bias, stride',
    op: 'FusedConv',
    domain,
    inputs: [f32([1, 1, 5, 5]), weight([1, 1, 3, 3])],
    attributes: { activation: 'Clip', activation_params: [-0.2, 0.4], strides: [2, 2], pads: [1, 1, 1, 1] },
    reference: gives({ shape: [1, 1, 3, 3], data: [0.4, 0.4, 0.4, 0.4, -0.2, 0.4, 0.4, -0.1061682, 0.4] }),
  },
  {
    name: 'hard sigmoid',
    op: 'FusedConv',
    domain,
    inputs: [f32([1, 1, 3, 3]), weight([1, 1, 2, 2])],
    attributes: { activation: 'HardSigmoid', activation_params: [0.3, 0.4] },
    reference: gives({ shape: [1, 1, 2, 2], data: [0.3900301, 0.3869021, 0.2240143, 0.5629467] }),
  },
  {
    name: 'relu',
    op: 'FusedGemm',
    domain,
    inputs: [f32([2, 3]), weight([4, 3]), weight([4])],
    attributes: { transB: 1, alpha: 0.5, activation: 'Relu' },
    reference: gives({ shape: [2, 4], data: [0.1993005, 0.416377, 0.5851819, 0, 0, 0.8589129, 0.009250693, 0] }),
  },
  {
    name: 'leaky relu',
    op: 'FusedGemm',
    domain,
    inputs: [f32([2, 3]), weight([3, 4])],
    attributes: { activation: 'LeakyRelu', activation_alpha: 0.2 },
    reference: gives({
      shape: [2, 4],
      data: [0.5965433, 0.02532843, -0.04418498, -0.08878347, -0.07559504, 0.1542152, 0.1248144, 0.2301762],
    }),
  },
  {
    name: 'alpha',
    op: 'FusedMatMul',
    domain,
    inputs: [f32([2, 2, 3]), f32([3, 2])],
    attributes: { alpha: 0.25 },
    reference: gives({
      shape: [2, 2, 2],
      data: [-0.08608631, 0.280004, -0.143271, -0.05581231, 0.01763088, -0.1905772, 0.002944011, 0.2164716],
    }),
  },
  {
    name: 'both transposed',
    op: 'FusedMatMul',
    domain,
    inputs: [f32([2, 4, 3]), f32([2, 2, 4])],
    attributes: { transA: 1, transB: 1 },
    reference: gives({
      shape: [2, 3, 2],
      data: [
        0.3372711, 1.139074, -0.6521174, -0.7487038, 0.6567638, 0.7159296, -0.7309792, -0.6897725, 0.1129595,
        -0.02110994, 1.663353, 0.7528315,
      ],
    }),
  },
  {
    name: 'constant right, transposed',
    op: 'FusedMatMul',
    domain,
    inputs: [f32([3, 4]), weight([2, 4])],
    attributes: { transB: 1, alpha: 2 },
    reference: gives({ shape: [3, 2], data: [0.7644219, -1.51581, -3.211252, 1.125601, -0.7785825, 0.7136965] }),
  },
  {
    name: 'batch axis inside',
    op: 'FusedMatMul',
    domain,
    inputs: [f32([3, 2, 4]), f32([2, 4, 2])],
    attributes: { transBatchA: 1 },
    reference: gives({
      shape: [2, 3, 2],
      data: [
        -0.4147445, 0.7625301, 0.2191456, 0.02862913, 0.4893194, -1.041956, 0.1543641, 0.3666114, 0.1846194, -0.4206969,
        -0.02331269, -0.4104906,
      ],
    }),
  },
  {
    name: 'float64',
    op: 'FusedMatMul',
    domain,
    inputs: [typed('float64', [2, 3]), typed('float64', [2, 3])],
    attributes: { transB: 1, alpha: 0.5 },
    reference: gives({ shape: [2, 2], data: [0.1181524, -0.2785888, 0.287488, -0.1653921] }),
  },
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

const q = f32([2, 3, 8])
const heads = { num_heads: 2 }

export const contribAttentionCases: readonly Case[] = [
  {
    name: 'no mask',
    op: 'Attention',
    domain,
    inputs: [f32([2, 3, 4]), weight([4, 12]), weight([12])],
    attributes: heads,
    reference: gives({
      shape: [2, 3, 4],
      data: [
        0.4371772, -1.415156, 0.7628491, -0.5145456, 0.409681, -1.411067, 0.8505917, -0.4105873, 0.4636055, -1.426914,
        0.7352589, -0.5516821, -0.1182826, -0.5373951, 0.7841045, -0.1972352, -0.1335304, -0.5180495, 0.85171,
        -0.1993392, -0.1143877, -0.5259309, 0.7959013, -0.2012373,
      ],
    }),
  },
  {
    name: 'lengths',
    op: 'Attention',
    domain,
    inputs: [f32([2, 3, 4]), weight([4, 12]), weight([12]), i32([2], 3, 2)],
    attributes: heads,
    reference: gives({
      shape: [2, 3, 4],
      data: [
        -0.4031567, -0.7635503, -0.725921, 0.1909692, -0.4215262, -0.766492, -0.701255, 0.03838938, -0.4066567,
        -0.761675, -0.7413915, 0.3271426, -0.4754768, -1.042244, -0.5591439, 0.06624793, -0.9185196, -0.6584528,
        -0.5665641, 0.07879382, -0.6073793, -0.927982, -0.5565166, 0.06180576,
      ],
    }),
  },
  {
    name: 'ends and starts',
    op: 'Attention',
    domain,
    inputs: [f32([2, 3, 4]), weight([4, 12]), weight([12]), i32([4], 3, 2, 1, 0)],
    attributes: heads,
    reference: gives({
      shape: [2, 3, 4],
      data: [
        -0.6500755, 0.9171522, -0.9104928, -0.4615233, -0.5885329, 0.9296588, -0.7966673, -0.3909888, -0.5715367,
        0.9331126, -1.005365, -0.5203127, -0.6421438, 1.274106, -1.015164, -0.5211353, -0.6319688, 1.302237, -1.015845,
        -0.5233786, -0.6653597, 1.209923, -1.031846, -0.5761306,
      ],
    }),
  },
  {
    name: 'mask of keys, causal',
    op: 'Attention',
    domain,
    inputs: [f32([2, 3, 4]), weight([4, 12]), weight([12]), i32([2, 3], 1, 1, 0, 1, 1, 1)],
    attributes: { ...heads, unidirectional: 1 },
    reference: gives({
      shape: [2, 3, 4],
      data: [
        0.6131236, 1.074933, -1.933981, -0.5143723, 0.834783, 1.043841, -0.8140224, -0.2539717, 0.7811447, 1.051365,
        -0.9505181, -0.2857082, -1.655692, 0.4455372, -0.3069884, 0.02408159, -1.699491, 0.5620545, -0.5160217,
        -0.275343, -1.121444, 0.6100831, -0.5706367, -0.2548605,
      ],
    }),
  },
  {
    name: 'mask of scores, bias, scale',
    op: 'Attention',
    domain,
    inputs: [
      f32([1, 3, 4]),
      weight([4, 12]),
      weight([12]),
      i32([1, 3, 3], 1, 0, 0, 1, 1, 0, 1, 0, 1),
      none,
      f32([1, 2, 3, 3]),
    ],
    attributes: { ...heads, scale: 0.3 },
    reference: gives({
      shape: [1, 3, 4],
      data: [
        -0.7718712, -0.5329303, -0.5506697, -0.06726688, -0.1574692, -0.08357376, -0.965045, 0.9597604, -0.6200517,
        -0.1766398, -0.9289013, 0.2225256,
      ],
    }),
  },
  {
    name: 'past',
    op: 'Attention',
    domain,
    inputs: [f32([1, 2, 4]), weight([4, 12]), weight([12]), none, f32([2, 1, 2, 3, 2])],
    attributes: { ...heads, unidirectional: 1 },
    outputs: 2,
    reference: gives(
      {
        shape: [1, 2, 4],
        data: [-0.3554332, 0.2819797, -0.01680586, -0.5814202, -0.003932118, -0.1580292, -0.2966245, -0.2357654],
      },
      {
        shape: [2, 1, 2, 5, 2],
        data: [
          -0.3072442, 0.2410625, 0.01843446, 0.09697683, 0.3655963, -0.5766632, 1.177828, 1.587574, 0.7194082,
          -0.1741538, -0.5498376, -0.6038776, -0.5786638, -0.2289422, 0.3015707, 0.2614048, -0.2688068, -1.008613,
          0.2718101, 1.644489, -0.5758505, 0.4553086, 0.2621547, -0.3190238, -0.0572959, 0.4814073, -1.332823,
          0.6559502, 1.184493, -1.969482, -0.788975, -0.1384031, -0.9297936, 0.86665, 0.9124368, 0.6956165, 0.5583669,
          -1.914063, 0.2112311, -1.16245,
        ],
      },
    ),
  },
  {
    name: 'narrow values',
    op: 'Attention',
    domain,
    inputs: [f32([1, 3, 4]), weight([4, 10]), weight([10])],
    attributes: { ...heads, qkv_hidden_sizes: [4, 4, 2] },
    reference: gives({ shape: [1, 3, 2], data: [0.8482102, -0.298799, 0.8218658, -0.5454411, 0.8028424, -0.4639781] }),
  },
  {
    name: 'separate',
    op: 'MultiHeadAttention',
    domain,
    inputs: [q, f32([2, 4, 8]), f32([2, 4, 6])],
    attributes: heads,
    reference: gives({
      shape: [2, 3, 6],
      data: [
        -0.2575156, 0.3432682, 0.1267495, -0.2681563, 0.3727701, -0.0628768, -0.1172629, 0.1664781, 0.1362595,
        -0.4041191, 0.5283184, -0.1129826, -0.172922, 0.2661411, 0.06098494, -0.2621303, 0.3623453, -0.08685871,
        0.3762278, 0.21148, -0.04193847, 0.1736348, 0.4715422, -0.1935716, 0.3723041, 0.2723348, -0.06378001, 0.1694021,
        0.4576581, -0.3282329, 0.4455842, 0.3194512, -0.1548823, 0.1243411, 0.4617949, -0.2271962,
      ],
    }),
  },
  {
    name: 'bias and padding mask',
    op: 'MultiHeadAttention',
    domain,
    inputs: [q, f32([2, 4, 8]), f32([2, 4, 8]), weight([24]), i32([2, 4], 1, 1, 1, 0, 1, 0, 0, 0)],
    attributes: heads,
    reference: gives({
      shape: [2, 3, 8],
      data: [
        0.5529526, -0.01548466, -0.5326117, -0.9761546, -0.6155349, -0.4003289, -1.079007, -0.5237687, 0.5301471,
        -0.1999089, -0.6943741, -1.048734, -0.5209183, -0.4434558, -1.012174, -0.5332, 0.6010902, -0.0469314,
        -0.5735272, -0.9749752, -0.2461792, -0.5084321, -0.8778405, -0.5695109, 0.8346451, -0.6129659, -0.0687297,
        -0.3792127, -0.1505805, -1.028224, -1.755805, -1.829451, 0.8346451, -0.6129659, -0.0687297, -0.3792127,
        -0.1505805, -1.028224, -1.755805, -1.829451, 0.8346451, -0.6129659, -0.0687297, -0.3792127, -0.1505805,
        -1.028224, -1.755805, -1.829451,
      ],
    }),
  },
  {
    name: 'heads first',
    op: 'MultiHeadAttention',
    domain,
    inputs: [q, f32([2, 2, 5, 4]), f32([2, 2, 5, 4])],
    attributes: heads,
    reference: gives({
      shape: [2, 3, 8],
      data: [
        0.04501797, 0.03086732, 0.1204417, -0.260344, -0.098496, 0.1561816, 0.3972442, -0.4202203, 0.07897626,
        0.0751097, 0.1901526, -0.2628689, -0.1467459, 0.1956153, 0.3580173, -0.3782175, 0.04855488, 0.01622863,
        0.160342, -0.2976624, -0.2246792, 0.2263046, 0.2897026, -0.3172959, 0.2282344, -0.2121528, -0.1638385,
        0.05754048, -0.7462625, 0.1768387, -0.03793601, -0.149382, 0.3251226, -0.3749447, 0.3020041, -0.1489064,
        -0.7342049, 0.175989, -0.04687641, -0.1848824, 0.07244464, -0.3117014, -0.4141641, 0.3731555, -0.6946576,
        0.1696923, 0.03016626, 0.003518973,
      ],
    }),
  },
  {
    name: 'past, bias of scores, causal',
    op: 'MultiHeadAttention',
    domain,
    inputs: [
      f32([1, 2, 8]),
      f32([1, 2, 8]),
      f32([1, 2, 8]),
      none,
      none,
      f32([1, 2, 2, 5]),
      f32([1, 2, 3, 4]),
      f32([1, 2, 3, 4]),
    ],
    attributes: { ...heads, unidirectional: 1 },
    outputs: 3,
    reference: gives(
      {
        shape: [1, 2, 8],
        data: [
          0.3448834, 0.6400496, -0.009444728, -0.5178533, 0.4147154, 0.1904058, 0.03057443, 0.05513441, 0.1792443,
          0.2446697, 0.2133778, -0.6534215, 0.3652767, 0.0409934, -0.1393057, -0.1860224,
        ],
      },
      {
        shape: [1, 2, 5, 4],
        data: [
          -0.6576827, 0.4135594, 0.4684846, 0.7003116, 0.4039435, -0.005242562, -0.1874719, 0.7090755, -0.6420492,
          0.6172785, -0.1932771, -0.8017211, -0.2261677, -0.6753874, -0.3230711, 0.1929163, -0.3604359, 0.5356899,
          -0.3729637, -0.2428349, -0.1587355, -0.8020548, -0.5635963, 0.04280776, -0.139576, 0.1148949, 0.7262278,
          -0.5119516, 0.6739168, -0.4186133, 0.410942, 0.9825482, 0.5408338, 0.7673166, 0.7169452, -0.3302293,
          -0.5339921, 0.6800377, -0.08479071, 0.1606443,
        ],
      },
      {
        shape: [1, 2, 5, 4],
        data: [
          0.1830929, 0.4723652, -0.6172218, -0.4621628, 0.9202853, 0.8984429, -0.5350112, -0.2282584, -0.3426566,
          0.6076904, 0.7479604, -0.859477, 0.1119322, -0.3838483, 0.9540746, -0.880054, 0.2143896, 0.6423841,
          -0.8116384, -0.4269818, 0.5501518, 0.6508731, 0.3626316, 0.6003873, 0.1724872, 0.9819991, -0.6006181,
          -0.5813218, 0.3879557, -0.8377187, 0.04060074, -0.1839089, 0.17511, 0.8003869, -0.7586843, -0.8147826,
          0.3016959, 0.1344635, -0.6709837, -0.7460468,
        ],
      },
    ),
  },
  {
    name: 'prompt',
    op: 'GroupQueryAttention',
    domain,
    inputs: [f32([1, 3, 32]), f32([1, 3, 16]), f32([1, 3, 16]), none, none, i32([1], 2), i32([], 3)],
    attributes: { num_heads: 4, kv_num_heads: 2 },
    outputs: 3,
    reference: gives(
      {
        shape: [1, 3, 32],
        data: [
          -0.6989117, 0.2248258, 0.01103113, 0.6928518, 0.3391936, 0.6529955, 0.9211834, 0.2197517, -0.6989117,
          0.2248258, 0.01103113, 0.6928518, 0.3391936, 0.6529955, 0.9211834, 0.2197517, 0.2181903, -0.374521,
          -0.6934185, 0.6227058, 0.1527034, -0.2437757, 0.7312864, 0.5120246, 0.2181903, -0.374521, -0.6934185,
          0.6227058, 0.1527034, -0.2437757, 0.7312864, 0.5120246, -0.0377713, 0.6179422, 0.006282875, 0.3518459,
          0.2514537, 0.1704149, 0.2132506, 0.177325, -0.04396306, 0.6142604, 0.006327343, 0.3550395, 0.2522754,
          0.1749344, 0.2198805, 0.1777223, 0.6627761, -0.183059, -0.6377363, 0.5696798, -0.3910782, 0.2505843,
          0.8557626, 0.6229467, 0.6030239, -0.2087914, -0.6452199, 0.5768064, -0.3179943, 0.1841426, 0.8390331,
          0.6080388, 0.04081016, 0.1202031, -0.2643431, 0.5762526, 0.2365123, 0.1104512, 0.0362172, 0.2342206,
          0.06624656, 0.1460863, -0.2591893, 0.5578977, 0.2332258, 0.09193609, 0.01081604, 0.2313643, 0.3756508,
          -0.2053682, -0.7669184, 0.2208438, -0.4429867, 0.4689699, 0.4770805, 0.5287767, 0.4529424, -0.2166106,
          -0.716278, 0.3799458, -0.3604085, 0.3186761, 0.6297861, 0.5579615,
        ],
      },
      {
        shape: [1, 2, 3, 8],
        data: [
          -0.4635738, 0.4925877, 0.4182836, 0.3931569, 0.3879076, -0.3399748, 0.8529239, -0.5806451, 0.6890926,
          -0.8611761, -0.2213015, 0.1683106, -0.8284352, -0.7470437, 0.2592474, 0.2340217, -0.7573457, -0.391235,
          -0.05448145, -0.1060911, -0.5124706, -0.04197398, -0.5888159, -0.2050762, 0.512836, -0.8786221, -0.5984597,
          0.9142076, -0.8935469, 0.9823864, -0.9669428, -0.8346019, 0.102942, -0.848037, 0.3500469, -0.2896582,
          -0.765972, 0.07581865, -0.2168498, 0.151549, 0.6014042, 0.8936358, 0.4798994, 0.4951957, -0.2862192, -0.51492,
          0.180409, 0.3847904,
        ],
      },
      {
        shape: [1, 2, 3, 8],
        data: [
          -0.6989117, 0.2248258, 0.01103113, 0.6928518, 0.3391936, 0.6529955, 0.9211834, 0.2197517, 0.5373794,
          0.9599287, 0.002152187, 0.05519209, 0.1751255, -0.2494, -0.4026067, 0.1404163, 0.5331507, -0.9772743,
          -0.9574497, 0.9987988, 0.1596508, -0.2555713, -0.7281533, 0.3607784, 0.2181903, -0.374521, -0.6934185,
          0.6227058, 0.1527034, -0.2437757, 0.7312864, 0.5120246, 0.9666344, -0.05220155, -0.5996794, 0.5334384,
          -0.7627335, 0.5884618, 0.9408376, 0.698758, -0.02671272, -0.2116825, -0.9708978, -0.3623065, -0.6149645,
          0.9073668, -0.1270209, 0.3912639,
        ],
      },
    ),
  },
  {
    name: 'token behind a cache, window',
    op: 'GroupQueryAttention',
    domain,
    inputs: [
      f32([2, 1, 32]),
      f32([2, 1, 16]),
      f32([2, 1, 16]),
      f32([2, 2, 5, 8]),
      f32([2, 2, 5, 8]),
      i32([2], 4, 3),
      i32([], 5),
    ],
    attributes: { num_heads: 4, kv_num_heads: 2, local_window_size: 3 },
    outputs: 3,
    reference: gives(
      {
        shape: [2, 1, 32],
        data: [
          -0.5804996, -0.7653512, -0.221563, -0.34386, 0.6862388, -0.3864933, 0.1449609, -0.7709129, -0.4501069,
          -0.6249501, 0.06219007, -0.5352744, 0.7547902, -0.4958372, -0.09676786, -0.7926732, -0.05112483, -0.3340579,
          0.04270141, 0.1086749, 0.2808605, -0.3324426, -0.06698442, 0.5197092, 0.1358825, -0.1879021, 0.2162261,
          0.2357017, 0.1510134, -0.4756202, -0.09220674, 0.345154, 0.02115552, -0.1377428, -0.307194, 0.8471128,
          0.5187728, -0.1972459, 0.1758697, 0.4426119, -0.01999263, -0.1131187, -0.2990662, 0.8441345, 0.5008978,
          -0.2010074, 0.1462712, 0.4342094, -0.7076908, 0.304381, 0.162103, 0.4584482, -0.3080101, 0.339994,
          -0.01431092, 0.2239089, -0.6470094, 0.1252162, -0.1508762, 0.4388099, -0.1599751, 0.2780749, 0.1176247,
          0.1620847,
        ],
      },
      {
        shape: [2, 2, 5, 8],
        data: [
          -0.3161142, 0.3400622, -0.1445717, -0.2287249, 0.7988681, 0.5218541, 0.134948, 0.5053865, 0.4894139,
          0.6237598, -0.3293159, -0.09679298, -0.1728985, 0.6412597, 0.2706209, -0.6312377, 0.507553, 0.9259952,
          0.5317454, 0.9180294, 0.9647648, -0.1679591, -0.7343964, -0.7276275, -0.77189, -0.1213252, -0.8379702,
          -0.2225488, -0.2741389, -0.6254439, 0.6585891, -0.6796206, 0.1909875, -0.7965849, 0.3886662, 0.06557367,
          -0.5027537, -0.5779986, 0.7773064, -0.5914268, 0.7989689, -0.8311725, -0.665469, 0.2010819, 0.6484285,
          -0.9119383, 0.968607, 0.5950813, -0.1517823, 0.3973702, 0.5708501, 0.4945346, -0.6364962, 0.2290734,
          -0.8713202, -0.3759437, 0.4396798, -0.9171171, 0.6266201, 0.530596, 0.2673731, 0.4124581, 0.6461657,
          0.7529536, -0.966134, -0.7501462, -0.09944008, -0.1442728, 0.2493486, 0.1570714, 0.04933744, -0.06151003,
          -0.3917764, -0.719752, 0.5278078, 0.6261431, -0.8308923, -0.3328308, 0.6545348, 0.900548, -0.03019128,
          0.3387299, -0.3243886, -0.1053811, -0.7653339, 0.8597626, -0.06609209, 0.3822134, -0.007443402, -0.6438489,
          -0.7700059, -0.5666339, 0.7071055, 0.3721574, -0.7051828, 0.3191427, -0.911364, -0.1814235, -0.7154554,
          -0.5159815, 0.2420353, -0.7990773, 0.2165099, 0.2958124, -0.5791096, 0.8109617, -0.9292225, -0.659718,
          0.3461649, -0.3411825, -0.6365618, -0.7114093, 0, 0, 0, 0, 0, 0, 0, 0, -0.3199615, 0.6535364, -0.7342046,
          -0.4871195, -0.2968914, -0.5015557, -0.8524001, 0.1681369, -0.9678259, -0.9649739, -0.2915102, 0.005956893,
          -0.5546259, -0.7581525, -0.1429786, 0.8459805, -0.5491291, -0.063006, 0.3731401, 0.685007, 0.001406906,
          -0.6113741, 0.7770067, 0.7797804, 0.4228681, 0.9984596, -0.09208074, 0.3206744, -0.5320479, 0.1451749,
          0.009339759, 0.2537594, 0, 0, 0, 0, 0, 0, 0, 0,
        ],
      },
      {
        shape: [2, 2, 5, 8],
        data: [
          -0.5212511, -0.2342131, 0.6812612, 0.5898229, -0.3414209, -0.3406678, 0.7624052, -0.6909587, 0.6869491,
          -0.809185, -0.9013857, 0.09933088, 0.2238012, -0.1254825, -0.2822164, -0.3048106, -0.9239365, -0.9692538,
          -0.9652323, -0.4875272, 0.9230608, -0.781364, 0.6950075, -0.5059279, -0.04502538, -0.2346666, 0.9426826,
          -0.9507232, 0.8522969, -0.6466297, -0.8237642, -0.9177215, -0.5787793, -0.9338306, -0.2216175, 0.3187663,
          0.2586048, 0.3131928, 0.2307237, -0.9844247, -0.8007183, 0.4064991, 0.2408483, 0.4877218, 0.08633286,
          0.8653877, -0.3751225, 0.7796019, 0.9926458, 0.8657037, 0.8288653, -0.5412107, 0.2572194, -0.5879813,
          -0.4434794, 0.6428672, 0.8902028, 0.4582621, 0.987921, 0.7738727, -0.3869602, -0.9252234, -0.3507307,
          -0.2397837, -0.5171881, -0.9167977, -0.6666451, -0.3074163, 0.6593255, -0.4692141, 0.6008425, 0.4949725,
          -0.05381446, -0.1224506, 0.3110353, 0.2041839, 0.2290702, 0.1524238, -0.6583589, 0.9719316, 0.5815989,
          0.2828004, -0.6119618, 0.3685742, -0.877467, 0.02270774, -0.06879572, 0.8341347, 0.03589475, -0.3241351,
          0.2281361, 0.7677888, 0.8597409, -0.4579083, 0.09179876, 0.9031194, 0.9313096, -0.6968704, -0.4431097,
          0.9064378, 0.9414116, -0.1353963, 0.8228446, 0.6657481, -0.9268356, 0.6283978, -0.7226524, 0.8685179,
          -0.2676767, 0.009486396, -0.4000242, -0.2632638, 0, 0, 0, 0, 0, 0, 0, 0, 0.1371519, -0.7753823, -0.1853194,
          -0.1417909, -0.6515472, -0.3811346, 0.3104204, -0.198298, -0.9747117, -0.03513505, -0.6982875, 0.7244562,
          0.1352912, -0.3747729, 0.334948, 0.4539173, -0.2099378, -0.01840181, -0.1299715, 0.1147512, -0.2068215,
          0.8359086, 0.1224747, -0.2404709, -0.8395326, 0.6589063, 0.773182, 0.5066484, -0.5959227, 0.444114,
          -0.2723236, 0.3569387, 0, 0, 0, 0, 0, 0, 0, 0,
        ],
      },
    ),
  },
  {
    name: 'rotary, packed, softcap',
    op: 'GroupQueryAttention',
    domain,
    inputs: [f32([1, 2, 128]), none, none, none, none, i32([1], 1), i32([], 2), weight([6, 8]), weight([6, 8])],
    attributes: { num_heads: 4, kv_num_heads: 2, do_rotary: 1, softcap: 2 },
    reference: gives({
      shape: [1, 2, 64],
      data: [
        -0.02422902, -0.1680034, -0.07414996, -0.8401408, 0.109003, 0.9111053, 0.07758749, -0.5487007, -0.8183894,
        -0.3548152, -0.01096329, 0.8510659, 0.8165512, 0.5854132, -0.02421723, -0.4907768, -0.02422902, -0.1680034,
        -0.07414996, -0.8401408, 0.109003, 0.9111053, 0.07758749, -0.5487007, -0.8183894, -0.3548152, -0.01096329,
        0.8510659, 0.8165512, 0.5854132, -0.02421723, -0.4907768, 0.2509198, -0.6171395, -0.842904, 0.3884969, 0.970953,
        0.1835084, -0.9730825, -0.7911516, -0.7210637, 0.5276431, 0.4629617, -0.2584232, 0.8158767, -0.8595793,
        -0.2661199, -0.2712575, 0.2509198, -0.6171395, -0.842904, 0.3884969, 0.970953, 0.1835084, -0.9730825,
        -0.7911516, -0.7210637, 0.5276431, 0.4629617, -0.2584232, 0.8158767, -0.8595793, -0.2661199, -0.2712575,
        0.2920243, -0.05001932, 0.3175918, -0.6173086, -0.3879519, 0.5735768, -0.2478026, -0.3712368, -0.5187515,
        -0.0730354, -0.01053627, 0.6025267, 0.5312619, -0.01758564, -0.1142162, -0.6849356, 0.222512, -0.07595216,
        0.2314871, -0.6662869, -0.2787215, 0.6477654, -0.176282, -0.4102433, -0.5846118, -0.1349704, -0.01063013,
        0.6571555, 0.5939684, 0.1149532, -0.09443445, -0.6422596, -0.1200339, -0.3717619, -0.797955, 0.05691708,
        0.2509927, -0.4096758, -0.3145923, -0.5482303, -0.8846438, 0.26648, 0.1619786, -0.6756193, -0.1032058,
        -0.1685148, 0.5193064, 0.09151806, -0.004055142, -0.4484792, -0.8120083, 0.1605856, 0.4760885, -0.2242167,
        -0.5204694, -0.6241797, -0.8335004, 0.3481327, 0.256081, -0.5451828, 0.1841455, -0.3845763, 0.2737427,
        -0.0219038,
      ],
    }),
  },
  {
    name: 'smooth softmax',
    op: 'GroupQueryAttention',
    domain,
    inputs: [f32([1, 2, 16]), f32([1, 2, 16]), f32([1, 2, 16]), none, none, i32([1], 1), i32([], 2)],
    attributes: { num_heads: 2, kv_num_heads: 2, smooth_softmax: 1 },
    reference: gives({
      shape: [1, 2, 16],
      data: [
        -0.3871819, -0.4565874, -0.03527031, 0.121323, 0.2197482, -0.08052212, -0.09054994, 0.3318381, -0.5535655,
        0.3015203, -0.4115355, -0.2806298, 0.104294, -0.2481274, -0.3151701, 0.5077928, -0.2128644, -0.2328092,
        -0.006389368, 0.03990854, 0.07191734, -0.05375668, -0.153246, 0.2845286, -0.3328565, 0.3620994, -0.3359664,
        -0.2537572, -0.1585704, -0.2655833, -0.3540114, 0.3998405,
      ],
    }),
  },
]

const three = { num_heads: 3 }
const cache = (rows: number, size = 5) => f32([2, 3, rows, size])
const shared = 'its kernels for a processor do not share buffers'
const [wide, narrow] = [f32([2, 4, 15]), f32([2, 6, 15])]
/** Rows of queries, keys and values that are no multiple of a vector, and masks of every form. */
export const contribAttentionShapes: readonly Case[] = [
  {
    name: 'tails, other width of values',
    op: 'MultiHeadAttention',
    domain,
    inputs: [f32([2, 7, 15]), f32([2, 9, 15]), f32([2, 9, 9])],
    attributes: three,
    reference: multiHeadReference,
  },
  {
    name: 'biases, tails',
    op: 'MultiHeadAttention',
    domain,
    inputs: [f32([2, 7, 15]), f32([2, 9, 15]), f32([2, 9, 9]), weight([39])],
    attributes: three,
    reference: multiHeadReference,
  },
  {
    name: 'ones',
    op: 'MultiHeadAttention',
    domain,
    inputs: [f32([1, 1, 1]), f32([1, 1, 1]), f32([1, 1, 1]), weight([3]), i32([1, 1], 1)],
    attributes: { num_heads: 1 },
    reference: multiHeadReference,
  },
  {
    name: 'lengths',
    op: 'MultiHeadAttention',
    domain,
    inputs: [wide, narrow, narrow, none, i32([2], 6, 3)],
    attributes: three,
    reference: multiHeadReference,
  },
  {
    name: 'a mask for every query',
    op: 'MultiHeadAttention',
    domain,
    inputs: [f32([1, 2, 15]), f32([1, 3, 15]), f32([1, 3, 15]), none, i32([1, 2, 3], 1, 0, 1, 0, 1, 1)],
    attributes: { ...three, mask_filter_value: -3 },
    reference: multiHeadReference,
  },
  {
    name: 'a mask that hides everything',
    op: 'MultiHeadAttention',
    domain,
    inputs: [wide, narrow, narrow, none, i32([2, 6], 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0)],
    attributes: { ...three, mask_filter_value: -8 },
    reference: multiHeadReference,
  },
  {
    name: 'mask and bias of scores',
    op: 'MultiHeadAttention',
    domain,
    inputs: [wide, narrow, narrow, weight([45]), i32([2, 6], 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1, 0), f32([1, 3, 4, 6])],
    attributes: three,
    reference: multiHeadReference,
  },
  {
    name: 'past, bias and mask, causal',
    op: 'MultiHeadAttention',
    domain,
    inputs: [
      wide,
      wide,
      wide,
      weight([45]),
      i32([2, 7], 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1),
      none,
      cache(3),
      cache(3),
    ],
    attributes: { ...three, unidirectional: 1 },
    outputs: 3,
    reference: multiHeadReference,
  },
  {
    name: 'rows of queries, keys and values',
    op: 'MultiHeadAttention',
    domain,
    inputs: [f32([2, 4, 45]), none, none, weight([45])],
    attributes: three,
    reference: multiHeadReference,
    withoutOrt: 'it takes that for a query',
  },
  {
    name: 'a buffer with room',
    op: 'MultiHeadAttention',
    domain,
    inputs: [wide, wide, wide, weight([45]), none, none, cache(11), cache(11), i32([1], 5)],
    attributes: { ...three, unidirectional: 1 },
    outputs: 3,
    reference: multiHeadReference,
    withoutOrt: shared,
  },
  {
    name: 'a token into a buffer that becomes full, masks',
    op: 'MultiHeadAttention',
    domain,
    inputs: [
      f32([2, 1, 15]),
      f32([2, 1, 15]),
      f32([2, 1, 15]),
      none,
      i32([2, 5], 1, 0, 1, 1, 1, 0, 1, 1, 1, 1),
      f32([2, 1, 1, 5]),
      cache(5),
      cache(5),
      i32([1], 4),
    ],
    attributes: three,
    outputs: 3,
    reference: multiHeadReference,
    withoutOrt: shared,
  },
  {
    name: 'a token into an empty buffer',
    op: 'MultiHeadAttention',
    domain,
    inputs: [f32([2, 1, 15]), f32([2, 1, 15]), f32([2, 1, 15]), none, none, none, cache(5), cache(5), i32([], 0)],
    attributes: three,
    outputs: 1,
    reference: multiHeadReference,
    withoutOrt: shared,
  },
  {
    name: 'a token into a buffer',
    op: 'DecoderMaskedMultiHeadAttention',
    domain,
    inputs: [f32([2, 1, 15]), f32([2, 1, 15]), f32([2, 1, 15]), none, none, cache(7), cache(7), i32([1], 4)],
    attributes: { ...three, past_present_share_buffer: 1 },
    outputs: 3,
    reference: decoderReference,
  },
  {
    name: 'a mask and a bias',
    op: 'DecoderMaskedMultiHeadAttention',
    domain,
    inputs: [
      f32([2, 1, 15]),
      f32([2, 1, 15]),
      f32([2, 1, 15]),
      i32([2, 5], 1, 0, 1, 1, 1, 0, 1, 1, 1, 1),
      none,
      cache(7),
      cache(7),
      i32([1], 4),
      none,
      none,
      weight([45]),
    ],
    attributes: { ...three, past_present_share_buffer: 1 },
    outputs: 3,
    reference: decoderReference,
  },
  {
    name: 'packed',
    op: 'DecoderMaskedMultiHeadAttention',
    domain,
    inputs: [f32([2, 1, 45]), none, none, none, none, cache(7), cache(7), i32([1], 2)],
    attributes: { ...three, past_present_share_buffer: 1 },
    outputs: 3,
    reference: decoderReference,
    withoutOrt: 'it takes that for a query',
  },
  {
    name: 'tails',
    op: 'Attention',
    domain,
    inputs: [f32([2, 7, 6]), weight([6, 45]), weight([45])],
    attributes: three,
    reference: projectedReference,
  },
  {
    name: 'no bias, ends and starts',
    op: 'Attention',
    domain,
    inputs: [f32([2, 7, 6]), weight([6, 45]), none, i32([4], 7, 5, 2, 0)],
    attributes: three,
    reference: projectedReference,
    withoutOrt: 'it takes a bias that is left out for one without axes',
  },
  {
    name: 'a square mask',
    op: 'Attention',
    domain,
    inputs: [
      f32([1, 2, 6]),
      weight([6, 45]),
      weight([45]),
      i32([1, 1, 4, 4], 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 0, 1, 0, 1, 1, 1),
      f32([2, 1, 3, 2, 5]),
    ],
    attributes: three,
    outputs: 2,
    reference: projectedReference,
    withoutOrt: 'its kernel for a processor refuses a mask of four axes',
  },
  {
    name: 'past of two examples, causal',
    op: 'Attention',
    domain,
    inputs: [
      f32([2, 4, 6]),
      weight([6, 45]),
      weight([45]),
      i32([2, 7], 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1),
      f32([2, 2, 3, 3, 5]),
      f32([1, 3, 4, 7]),
    ],
    attributes: { ...three, unidirectional: 1 },
    outputs: 2,
    reference: projectedReference,
    withoutOrt: 'it cannot have both a past and a bias of scores',
  },
  {
    name: 'a buffer with room',
    op: 'Attention',
    domain,
    inputs: [f32([2, 4, 6]), weight([6, 45]), weight([45]), none, f32([2, 2, 3, 9, 5]), none, i32([1], 3)],
    attributes: { ...three, unidirectional: 1, past_present_share_buffer: 1 },
    outputs: 2,
    reference: projectedReference,
    withoutOrt: shared,
  },
  {
    name: 'a token, a buffer whose present nobody wants',
    op: 'Attention',
    domain,
    inputs: [
      f32([1, 1, 6]),
      f32([6, 45]),
      weight([45]),
      i32([1, 5], 1, 0, 1, 1, 1),
      f32([2, 1, 3, 9, 5]),
      none,
      i32([1], 4),
    ],
    attributes: { ...three, past_present_share_buffer: 1 },
    reference: projectedReference,
    withoutOrt: shared,
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
