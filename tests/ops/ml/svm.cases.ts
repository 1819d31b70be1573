import { gives, typed, type Case, type Spec } from '../case.js'

const domain = 'ai.onnx.ml'
const values = [0.38, 0.545, -0.56, 0.246, -0.83, 0.184, 0.44, -0.084, 0.811, -0.541, 0.56, 0.481]
const rows = typed('float32', [4, 3], { values })
const doubles = typed('float64', [4, 3], { values })
const whole = typed('int64', [3, 3], { values: [1, -2, 0, 3, 1, 1, -1, -1, 2] })

/** A model that gives a number for every row. */
function targets(op: string, name: string, x: Spec, attributes: Case['attributes'], data: number[]): Case {
  return { name, op, domain, inputs: [x], attributes, reference: gives({ shape: [data.length, 1], data }) }
}

/** A model that gives a label for every row, and a score for every class. */
function classes(
  op: string,
  name: string,
  x: Spec,
  attributes: Case['attributes'],
  labels: number[],
  scores: number[],
): Case {
  const shape = [labels.length, scores.length / labels.length]
  const reference = gives({ shape: [labels.length], data: labels }, { shape, data: scores })
  return { name, op, domain, inputs: [x], attributes, outputs: 2, reference }
}

// Expected outputs are those of onnxruntime-web 1.30.
export const linearModelCases: readonly Case[] = [
  targets(
    'SVMRegressor',
    'LINEAR kernel',
    rows,
    {
      kernel_type: 'LINEAR',
      kernel_params: [0.5, 0.25, 2],
      n_supports: 5,
      coefficients: [0.321, -0.972, -0.069, -0.399, 0.793],
      rho: [-0.424],
      support_vectors: [
        0.511, 0.447, -0.493, -0.962, 0.587, -0.583, -0.455, -0.753, -0.06, 0.983, -0.509, -0.838, 0.697, -0.366,
        -0.185,
      ],
    },
    [-0.521481, 0.3877068, 0.6696463, -1.092591],
  ),
  classes(
    'SVMClassifier',
    'LINEAR kernel, votes of pairs',
    rows,
    {
      kernel_type: 'LINEAR',
      kernel_params: [0.5, 0.25, 2],
      classlabels_ints: [4, 5, 6],
      vectors_per_class: [2, 1, 2],
      coefficients: [0.971, -0.456, -0.228, -0.565, 0.738, 0.445, 0.758, 0.023, 0.61, 0.298],
      rho: [-0.721, 0.272, 0.155],
      support_vectors: [
        -0.37, 0.558, 0.219, -0.984, 0.864, -0.317, -0.3, 0.749, -0.502, -0.65, 0.667, -0.442, 0.997, -0.973, -0.298,
      ],
    },
    [5, 4, 4, 5],
    [
      -0.9376522, 0.3039691, 0.3948994, -0.5763494, 0.4576786, -0.05056147, -0.2671124, 0.2811462, -0.2030831,
      -0.5923665, 0.006129205, 0.1096696,
    ],
  ),
  classes(
    'SVMClassifier',
    'LINEAR kernel, probabilities',
    rows,
    {
      kernel_type: 'LINEAR',
      kernel_params: [0.5, 0.25, 2],
      classlabels_ints: [4, 5, 6],
      vectors_per_class: [2, 1, 2],
      coefficients: [0.517, -0.372, 0.322, -0.846, -0.84, 0.47, 0.049, -0.493, 0.86, -0.901],
      rho: [0.469, 0.908, -0.43],
      support_vectors: [
        0.066, 0.713, 0.694, 0.158, 0.913, 0.405, 0.08, -0.78, -0.412, 0.059, -0.69, -0.496, 0.534, -0.723, -0.84,
      ],
      prob_a: [-0.347, 0.611, 0.286],
      prob_b: [-0.175, -0.805, -0.419],
    },
    [4, 6, 4, 4],
    [
      0.4109539, 0.3494642, 0.2395819, 0.4898454, 0.3288656, 0.1812891, 0.347656, 0.3415983, 0.3107458, 0.2704549,
      0.3503693, 0.3791758,
    ],
  ),
  targets(
    'SVMRegressor',
    'POLY kernel',
    rows,
    {
      kernel_type: 'POLY',
      kernel_params: [0.5, 0.25, 2],
      n_supports: 5,
      coefficients: [0.914, -0.347, 0.406, 0.488, -0.796],
      rho: [0.567],
      support_vectors: [
        0.863, 0.211, -0.777, -0.276, -0.194, -0.896, -0.157, 0.836, -0.377, 0.534, -0.896, 0.633, -0.799, 0.024, 0.654,
      ],
    },
    [1.068528, 0.834792, 0.69261, 0.3383546],
  ),
  classes(
    'SVMClassifier',
    'POLY kernel, votes of pairs',
    rows,
    {
      kernel_type: 'POLY',
      kernel_params: [0.5, 0.25, 2],
      classlabels_ints: [4, 5, 6],
      vectors_per_class: [2, 1, 2],
      coefficients: [-0.581, 0.193, -0.798, -0.272, 0.327, -0.492, 0.363, -0.52, -0.493, 0.969],
      rho: [0.286, -0.094, 0.485],
      support_vectors: [
        -0.923, 0.237, 0.311, -0.961, -0.711, -0.333, -0.33, 0.285, 0.898, 0.187, 0.737, 0.547, -0.433, -0.872, -0.66,
      ],
    },
    [4, 4, 4, 5],
    [
      0.2844865, -0.1208202, 0.4429651, 0.2896219, 0.04178056, 0.7093714, 0.04760714, -0.1667665, 0.2302725, -0.2641215,
      -0.3548251, 0.1341992,
    ],
  ),
  classes(
    'SVMClassifier',
    'POLY kernel, probabilities',
    rows,
    {
      kernel_type: 'POLY',
      kernel_params: [0.5, 0.25, 2],
      classlabels_ints: [4, 5, 6],
      vectors_per_class: [2, 1, 2],
      coefficients: [-0.917, -0.546, 0.782, -0.096, -0.916, 0.554, 0.172, -0.428, 0.789, 0.549],
      rho: [0.941, -0.634, -0.455],
      support_vectors: [
        0.61, -0.452, -0.413, 0.532, -0.992, 0.317, 0.061, -0.459, -0.514, 0.331, 0.619, 0.129, 0.21, 0.343, -0.148,
      ],
      prob_a: [0.138, -0.602, -0.787],
      prob_b: [-0.257, -0.008, -0.874],
    },
    [6, 6, 6, 6],
    [
      0.3114781, 0.3940837, 0.2944381, 0.33154, 0.3624052, 0.3060548, 0.3200898, 0.3816849, 0.2982253, 0.3126488,
      0.3878067, 0.2995446,
    ],
  ),
  targets(
    'SVMRegressor',
    'RBF kernel',
    rows,
    {
      kernel_type: 'RBF',
      kernel_params: [0.5, 0.25, 2],
      n_supports: 5,
      coefficients: [0.218, -0.092, -0.07, -0.232, 0.001],
      rho: [-0.285],
      support_vectors: [
        -0.495, -0.13, 0.053, 0.322, -0.282, -0.51, 0.58, -0.865, -0.267, 0.379, -0.74, -0.727, 0.985, -0.838, 0.034,
      ],
    },
    [-0.3763215, -0.4287459, -0.3022278, -0.1971898],
  ),
  classes(
    'SVMClassifier',
    'RBF kernel, votes of pairs',
    rows,
    {
      kernel_type: 'RBF',
      kernel_params: [0.5, 0.25, 2],
      classlabels_ints: [4, 5, 6],
      vectors_per_class: [2, 1, 2],
      coefficients: [-0.217, -0.733, -0.583, 0.967, -0.215, -0.938, 0.226, 0.375, 0.536, 0.037],
      rho: [-0.547, -0.624, 0.731],
      support_vectors: [
        0.918, 0.016, -0.787, 0.36, -0.011, -0.381, -0.784, -0.027, 0.972, 0.037, -0.637, -0.537, 0.91, -0.594, 0.577,
      ],
    },
    [5, 5, 5, 5],
    [
      -1.401773, -0.7190478, 1.041082, -1.248632, -0.2528772, 1.271812, -1.230487, -0.6018428, 1.105004, -1.28445,
      -0.4609607, 1.141235,
    ],
  ),
  classes(
    'SVMClassifier',
    'RBF kernel, probabilities',
    rows,
    {
      kernel_type: 'RBF',
      kernel_params: [0.5, 0.25, 2],
      classlabels_ints: [4, 5, 6],
      vectors_per_class: [2, 1, 2],
      coefficients: [0.452, 0.188, -0.989, -0.136, 0.842, -0.997, 0.531, -0.007, 0.113, -0.115],
      rho: [-0.363, 0.314, 0.72],
      support_vectors: [
        -0.461, -0.276, -0.992, -0.439, 0.629, -0.008, 0.706, 0.956, 0.009, 0.294, -0.838, -0.782, 0.005, 0.019, 0.065,
      ],
      prob_a: [0.266, -0.165, -0.991],
      prob_b: [0.122, 0.969, -0.787],
    },
    [5, 5, 5, 5],
    [
      0.2896519, 0.4785414, 0.2318068, 0.2752992, 0.5013396, 0.2233613, 0.2885343, 0.4812763, 0.2301895, 0.2856864,
      0.4865268, 0.2277869,
    ],
  ),
  targets(
    'SVMRegressor',
    'SIGMOID kernel',
    rows,
    {
      kernel_type: 'SIGMOID',
      kernel_params: [0.5, 0.25, 2],
      n_supports: 5,
      coefficients: [-0.696, -0.28, 0.742, 0.868, 0.758],
      rho: [-0.073],
      support_vectors: [
        -0.957, 0.523, -0.334, 0.746, 0.39, -0.882, 0.181, 0.718, 0.929, -0.106, -0.867, 0.386, 0.148, 0.579, -0.585,
      ],
    },
    [0.01315926, 0.489868, 0.7750002, 0.2763163],
  ),
  classes(
    'SVMClassifier',
    'SIGMOID kernel, votes of pairs',
    rows,
    {
      kernel_type: 'SIGMOID',
      kernel_params: [0.5, 0.25, 2],
      classlabels_ints: [4, 5, 6],
      vectors_per_class: [2, 1, 2],
      coefficients: [0.194, -0.257, 0.227, 0.106, -0.239, -0.689, -0.218, -0.221, -0.603, -0.352],
      rho: [-0.229, 0.548, -0.072],
      support_vectors: [
        -0.556, -0.525, 0.384, -0.419, 0.607, -0.087, -0.761, 0.161, 0.787, -0.715, 0.448, 0.116, 0.464, 0.018, -0.218,
      ],
    },
    [4, 4, 4, 4],
    [
      -0.3543931, 0.4752839, -0.3124836, -0.09736422, 0.2128227, -0.1954488, -0.111119, 0.2740951, -0.3180482,
      -0.1499549, 0.2542778, -0.5537102,
    ],
  ),
  classes(
    'SVMClassifier',
    'SIGMOID kernel, probabilities',
    rows,
    {
      kernel_type: 'SIGMOID',
      kernel_params: [0.5, 0.25, 2],
      classlabels_ints: [4, 5, 6],
      vectors_per_class: [2, 1, 2],
      coefficients: [0.711, -0.008, -0.595, -0.809, -0.99, -0.421, 0.636, -0.158, 0.31, -0.936],
      rho: [0.645, -0.73, 0.183],
      support_vectors: [
        0.092, -0.196, -0.523, -0.405, 0.428, -0.238, 0.256, -0.331, -0.345, -0.512, -0.201, 0.773, 0.515, -0.117,
        0.252,
      ],
      prob_a: [0.74, -0.486, -0.246],
      prob_b: [0.155, -0.966, 0.142],
    },
    [6, 6, 6, 4],
    [
      0.3071704, 0.3925761, 0.3002534, 0.2890199, 0.3781679, 0.3328121, 0.2913959, 0.3747533, 0.3338509, 0.3012781,
      0.3969373, 0.3017847,
    ],
  ),
  targets(
    'SVMRegressor',
    'no support vectors',
    rows,
    {
      kernel_type: 'LINEAR',
      kernel_params: [1, 0, 0],
      coefficients: [-0.993, -0.903, 0.7],
      rho: [0.865],
      n_supports: 0,
    },
    [-0.396475, 1.499012, 1.071632, 1.233233],
  ),
  targets(
    'SVMRegressor',
    'one class',
    rows,
    {
      kernel_type: 'RBF',
      kernel_params: [0.5, 0, 3],
      n_supports: 2,
      coefficients: [-0.237, -0.002],
      rho: [-0.1],
      support_vectors: [0.742, -0.529, -0.571, 0.249, -0.462, 0.425],
      one_class: 1,
    },
    [-1, -1, -1, -1],
  ),
  classes(
    'SVMClassifier',
    'two classes, NONE',
    whole,
    {
      kernel_type: 'LINEAR',
      kernel_params: [1, 0, 0],
      classlabels_ints: [0, 1],
      vectors_per_class: [2, 1],
      coefficients: [-0.285, -0.882, 0.935],
      rho: [0.307],
      support_vectors: [0.576, 0.562, 0.039, 0.022, -0.268, -0.322, 0.546, 0.825, 0.92],
      post_transform: 'NONE',
    },
    [1, 0, 0],
    [1.061216, -1.061216, -3.268508, 3.268508, -1.398651, 1.398651],
  ),
  classes(
    'SVMClassifier',
    'no support vectors, NONE',
    rows,
    {
      kernel_type: 'LINEAR',
      kernel_params: [1, 0, 0],
      classlabels_ints: [3, 1, 2],
      coefficients: [-0.681, 0.539, -0.878, -0.783, 0.663, 0.936, 0.354, 0.026, -0.035],
      rho: [-0.226],
      post_transform: 'NONE',
    },
    [3, 2, 1, 1],
    [
      0.300655, -0.6863649, -0.05770999, -1.002448, -0.796684, -0.166936, -1.282974, 0.132884, -0.100809, 0.02194296,
      1.019099, -0.419789,
    ],
  ),
  classes(
    'LinearClassifier',
    'one row of coefficients, NONE',
    doubles,
    { classlabels_ints: [3, 1], coefficients: [0.081, 0.931, -0.873], intercepts: [-0.701], post_transform: 'NONE' },
    [1, 3, 3, 3],
    [0.673945, 0.326055, 2.614436, -1.614436, 2.451567, -1.451567, 1.643374, -0.643374],
  ),
  classes(
    'SVMClassifier',
    'two classes, LOGISTIC',
    whole,
    {
      kernel_type: 'LINEAR',
      kernel_params: [1, 0, 0],
      classlabels_ints: [0, 1],
      vectors_per_class: [2, 1],
      coefficients: [0.212, 0.769, -0.618],
      rho: [0.352],
      support_vectors: [0.77, -0.909, 0.596, 0.544, 0.683, -0.117, -0.453, -0.705, -0.049],
      post_transform: 'LOGISTIC',
    },
    [1, 0, 1],
    [0.5800279, 0.4199721, 0.02250057, 0.9774994, 0.7584897, 0.2415103],
  ),
  classes(
    'SVMClassifier',
    'no support vectors, LOGISTIC',
    rows,
    {
      kernel_type: 'LINEAR',
      kernel_params: [1, 0, 0],
      classlabels_ints: [3, 1, 2],
      coefficients: [-0.414, -0.01, 0.496, -0.582, 0.656, -0.641, 0.691, 0.658, -0.12],
      rho: [-0.512],
      post_transform: 'LOGISTIC',
    },
    [2, 3, 3, 3],
    [
      0.2783763, 0.4958301, 0.5439835, 0.3741907, 0.2112185, 0.286952, 0.4277434, 0.2070114, 0.4108259, 0.486241,
      0.46553, 0.3600675,
    ],
  ),
  classes(
    'LinearClassifier',
    'one row of coefficients, LOGISTIC',
    doubles,
    {
      classlabels_ints: [3, 1],
      coefficients: [-0.631, -0.963, 0.639],
      intercepts: [0.814],
      post_transform: 'LOGISTIC',
    },
    [3, 1, 1, 1],
    [0.5765081, 0.4234919, 0.1714138, 0.8285862, 0.2431511, 0.7568489, 0.2842554, 0.7157446],
  ),
  classes(
    'SVMClassifier',
    'two classes, SOFTMAX',
    whole,
    {
      kernel_type: 'LINEAR',
      kernel_params: [1, 0, 0],
      classlabels_ints: [0, 1],
      vectors_per_class: [2, 1],
      coefficients: [-0.875, 0.89, -0.299],
      rho: [-0.2],
      support_vectors: [-0.303, -0.055, -0.177, -0.933, -0.972, -0.91, -0.42, -0.153, -0.578],
      post_transform: 'SOFTMAX',
    },
    [0, 1, 0],
    [0.09724909, 0.9027509, 3.772406, -2.772406, 0.9535331, 0.04646693],
  ),
  classes(
    'SVMClassifier',
    'no support vectors, SOFTMAX',
    rows,
    {
      kernel_type: 'LINEAR',
      kernel_params: [1, 0, 0],
      classlabels_ints: [3, 1, 2],
      coefficients: [-0.163, 0.065, 0.899, -0.242, 0.784, 0.692, 0.746, -0.003, 0.085],
      rho: [0.197],
      post_transform: 'SOFTMAX',
    },
    [2, 2, 3, 1],
    [
      0.2100961, 0.3387696, 0.4511343, 0.3760876, 0.1954941, 0.4284183, 0.3930764, 0.3021643, 0.3047592, 0.355732,
      0.502698, 0.14157,
    ],
  ),
  classes(
    'LinearClassifier',
    'one row of coefficients, SOFTMAX',
    doubles,
    { classlabels_ints: [3, 1], coefficients: [0.969, -0.577, 0.968], intercepts: [-0.677], post_transform: 'SOFTMAX' },
    [3, 1, 1, 3],
    [2.165325, -1.165325, 0.781604, 0.218396, 0.417124, 0.582876, 2.058741, -1.058741],
  ),
  classes(
    'LinearClassifier',
    'surplus coefficients',
    rows,
    {
      classlabels_ints: [3, 1, 2],
      coefficients: [-0.435, -0.59, -0.59, 0.236, -0.923, 0.148, 0.043, 0.457, -0.5, 0.186, -0.163, -0.243],
      intercepts: [0.451, 0.421, 0.035],
    },
    [2, 1, 1, 3],
    [
      0.29455, -0.07523498, 0.5804051, 0.72513, 1.272378, -0.425732, -0.16933, 0.7224, -0.389968, 0.07214502,
      -0.1523679, 0.02715698,
    ],
  ),
  {
    name: 'the largest of negative numbers',
    op: 'Normalizer',
    domain,
    inputs: [typed('float32', [2, 2], { values: [-1, -2, -3, 4] })],
    attributes: { norm: 'MAX' },
    reference: gives({ shape: [2, 2], data: [1, 2, -0.75, 1] }),
  },
]
