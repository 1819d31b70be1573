import { f32, gives, typed, type Case } from '../case.js'

const domain = 'ai.onnx.ml'
const table = f32([4, 3], { low: -2, high: 2 })
const nodes = {
  nodes_treeids: [0, 0, 0, 0, 0, 1, 1, 1],
  nodes_nodeids: [0, 1, 2, 3, 4, 0, 1, 2],
  nodes_featureids: [0, 1, 0, 0, 0, 2, 0, 0],
  nodes_modes: ['BRANCH_LEQ', 'BRANCH_GT', 'LEAF', 'LEAF', 'LEAF', 'BRANCH_LT', 'LEAF', 'LEAF'],
  nodes_values: [0.2, -0.1, 0, 0, 0, 0.5, 0, 0],
  nodes_truenodeids: [1, 3, 0, 0, 0, 1, 0, 0],
  nodes_falsenodeids: [2, 4, 0, 0, 0, 2, 0, 0],
}
const leaves = { treeids: [0, 0, 0, 1, 1], nodeids: [2, 3, 4, 1, 2] }
const regressor = { ...nodes, target_treeids: leaves.treeids, target_nodeids: leaves.nodeids }
const classifier = { ...nodes, class_treeids: leaves.treeids, class_nodeids: leaves.nodeids }
const more = f32([6, 3], { low: -2, high: 2 })

// Expected outputs are those of onnxruntime-web 1.30.
export const mlCases: readonly Case[] = [
  {
    name: 'threshold',
    op: 'Binarizer',
    domain,
    inputs: [table],
    attributes: { threshold: 0.3 },
    reference: gives({ shape: [4, 3], data: [1, 0, 0, 1, 1, 1, 0, 1, 0, 0, 0, 0] }),
  },
  {
    name: 'columns',
    op: 'ArrayFeatureExtractor',
    domain,
    inputs: [table, typed('int64', [2], { values: [2, 0] })],
    reference: gives({
      shape: [4, 2],
      data: [-1.974033, 0.05711634, 1.247278, 1.043737, 1.043183, 1.586309, -0.8793869, 1.740836],
    }),
  },
  {
    name: 'per feature',
    op: 'Scaler',
    domain,
    inputs: [table],
    attributes: { offset: [1, 2, 3], scale: [0.5, 2, 1] },
    reference: gives({
      shape: [4, 3],
      data: [
        -0.4619089, -4.619771, -1.854956, 0.1446107, -1.322141, -4.55391, -0.4975538, -1.773971, -4.873491, -0.782136,
        -5.44969, -2.151238,
      ],
    }),
  },
  {
    name: 'integers, one scale',
    op: 'Scaler',
    domain,
    inputs: [typed('int64', [2, 2], { values: [1, 2, 3, 4] })],
    attributes: { offset: [1], scale: [0.5] },
    reference: gives({ shape: [2, 2], data: [0, 0.5, 1, 1.5] }),
  },
  {
    name: 'largest',
    op: 'Normalizer',
    domain,
    inputs: [f32([3, 3], { low: 0.1, high: 2 })],
    attributes: { norm: 'MAX' },
    reference: gives({
      shape: [3, 3],
      data: [1, 0.8107529, 0.4866961, 1, 0.2810467, 0.9451999, 1, 0.9670673, 0.2240453],
    }),
  },
  {
    name: 'L1',
    op: 'Normalizer',
    domain,
    inputs: [table],
    attributes: { norm: 'L1' },
    reference: gives({
      shape: [4, 3],
      data: [
        0.2796086, 0.2651321, 0.4552593, 0.3034375, -0.2985367, -0.3980257, -0.02941465, 0.662672, -0.3079134,
        0.4367217, -0.06783742, 0.4954408,
      ],
    }),
  },
  {
    name: 'L2',
    op: 'Normalizer',
    domain,
    inputs: [table],
    attributes: { norm: 'L2' },
    reference: gives({
      shape: [4, 3],
      data: [
        -0.1902793, 0.6400607, -0.7443897, -0.5140281, -0.4321699, -0.7409482, -0.9460995, 0.2946327, 0.1344894,
        -0.08272459, -0.1160467, 0.9897928,
      ],
    }),
  },
  {
    name: 'NaN',
    op: 'Imputer',
    domain,
    inputs: [f32([2, 3], { values: [1, NaN, 3, NaN, 5, 6] })],
    attributes: { imputed_value_floats: [10, 20, 30], replaced_value_float: NaN },
    reference: gives({ shape: [2, 3], data: [1, 20, 3, 10, 5, 6] }),
  },
  {
    name: 'integers',
    op: 'OneHotEncoder',
    domain,
    inputs: [typed('int64', [2, 2], { values: [3, 1, 7, 2] })],
    attributes: { cats_int64s: [1, 2, 3], zeros: 1 },
    reference: gives({ shape: [2, 2, 3], data: [0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0] }),
  },
  {
    name: 'two tables',
    op: 'FeatureVectorizer',
    domain,
    inputs: [f32([2, 2]), f32([2, 1])],
    attributes: { inputdimensions: [2, 1] },
    reference: gives({ shape: [2, 3], data: [0.5639194, 0.3930436, 0.2391512, 0.4634747, 0.6002417, -0.6910448] }),
  },
  {
    name: 'floats to integers',
    op: 'LabelEncoder',
    domain,
    inputs: [f32([4], { values: [1.5, 2, NaN, 9] })],
    attributes: { keys_floats: [1.5, 2, NaN], values_int64s: [7, 8, 9], default_int64: -3 },
    reference: gives({ shape: [4], data: [7, 8, 9, -3] }),
    withoutOrt: 'NaN as a key is new in version 4 of the domain',
  },
  {
    name: 'two targets',
    op: 'LinearRegressor',
    domain,
    inputs: [table],
    attributes: { coefficients: [1, 2, 3, -1, 0.5, 0.25], intercepts: [0.1, -0.2], targets: 2 },
    reference: gives({
      shape: [4, 2],
      data: [3.005527, -1.355651, -0.1992176, 1.061813, -7.027498, -2.11481, 6.320576, 0.3172662],
    }),
  },
  {
    name: 'softmax',
    op: 'LinearClassifier',
    domain,
    inputs: [table],
    attributes: {
      coefficients: [1, 2, 3, -1, 0.5, 0.25, 0.3, -2, 1],
      intercepts: [0.1, -0.2, 0],
      classlabels_ints: [4, 5, 6],
      multi_class: 1,
      post_transform: 'SOFTMAX',
    },
    outputs: 2,
    reference: gives(
      { shape: [4], data: [4, 4, 5, 6] },
      {
        shape: [4, 3],
        data: [
          0.8581638, 0.09456654, 0.04726965, 0.6194183, 0.1953209, 0.1852608, 0.08669407, 0.7812729, 0.132033,
          0.008769921, 0.04302654, 0.9482036,
        ],
      },
    ),
  },
  {
    name: 'two classes',
    op: 'LinearClassifier',
    domain,
    inputs: [table],
    attributes: {
      coefficients: [1, 2, 3, -1, -2, -3],
      intercepts: [0.1, -0.1],
      classlabels_ints: [0, 1],
      post_transform: 'LOGISTIC',
    },
    outputs: 2,
    reference: gives(
      { shape: [4], data: [1, 0, 1, 0] },
      {
        shape: [4, 2],
        data: [0.05407083, 0.9459292, 0.5484957, 0.4515043, 0.01978379, 0.9802162, 0.7689677, 0.2310323],
      },
    ),
  },
  {
    name: 'sum',
    op: 'TreeEnsembleRegressor',
    domain,
    inputs: [more],
    attributes: { ...regressor, n_targets: 1, target_ids: [0, 0, 0, 0, 0], target_weights: [1, 2, 4, 8, 16] },
    reference: gives({ shape: [6, 1], data: [9, 12, 18, 10, 9, 9] }),
  },
  {
    name: 'average, base',
    op: 'TreeEnsembleRegressor',
    domain,
    inputs: [more],
    attributes: {
      ...regressor,
      n_targets: 2,
      target_ids: [0, 1, 0, 1, 0],
      target_weights: [1, 2, 4, 8, 16],
      base_values: [0.5, -0.5],
      aggregate_function: 'AVERAGE',
    },
    reference: gives({ shape: [6, 2], data: [1, 3.5, 1, 3.5, 0, 4.5, 9, 0, 1, 3.5, 0, 4.5] }),
  },
  {
    name: 'sum, base',
    op: 'TreeEnsembleRegressor',
    domain,
    inputs: [more],
    attributes: {
      ...regressor,
      n_targets: 2,
      target_ids: [0, 1, 0, 1, 0],
      target_weights: [1, 2, 4, 8, 16],
      base_values: [0.5, -0.5],
    },
    reference: gives({ shape: [6, 2], data: [16.5, 1.5, 1.5, 7.5, 0, 9.5, 20.5, 0, 4.5, 7.5, 20.5, 0] }),
  },
  {
    name: 'largest',
    op: 'TreeEnsembleRegressor',
    domain,
    inputs: [more],
    attributes: {
      ...regressor,
      n_targets: 1,
      target_ids: [0, 0, 0, 0, 0],
      target_weights: [1, 9, 4, 8, 3],
      aggregate_function: 'MAX',
    },
    reference: gives({ shape: [6, 1], data: [9, 8, 9, 9, 3, 8] }),
  },
  {
    name: 'three classes',
    op: 'TreeEnsembleClassifier',
    domain,
    inputs: [more],
    attributes: {
      ...classifier,
      class_ids: [0, 1, 2, 1, 2],
      class_weights: [1, 2, 4, 3, 1],
      classlabels_int64s: [7, 8, 9],
      post_transform: 'SOFTMAX',
    },
    outputs: 2,
    reference: gives(
      { shape: [6], data: [9, 8, 9, 7, 8, 7] },
      {
        shape: [6, 3],
        data: [
          0.006648355, 0.006648355, 0.9867033, 0.09003057, 0.6652409, 0.2447285, 0.01321289, 0.265388, 0.7213992,
          0.4223188, 0.1553624, 0.4223188, 0.006648355, 0.9867033, 0.006648355, 0.4223188, 0.1553624, 0.4223188,
        ],
      },
    ),
  },
  {
    name: 'scores of the second class',
    op: 'TreeEnsembleClassifier',
    domain,
    inputs: [more],
    attributes: {
      ...classifier,
      class_ids: [1, 1, 1, 1, 1],
      class_weights: [0.1, 0.2, 0.4, 0.3, 0.4],
      classlabels_int64s: [0, 1],
    },
    outputs: 2,
    reference: gives(
      { shape: [6], data: [1, 0, 1, 0, 0, 1] },
      { shape: [6, 2], data: [0, 0.7, 0, 0.5, 0, 0.7, 0, 0.4, 0, 0.4, 0, 0.7] },
    ),
  },
  {
    name: 'probability of the class',
    op: 'TreeEnsembleClassifier',
    domain,
    inputs: [more],
    attributes: {
      ...classifier,
      class_ids: [0, 0, 0, 0, 0],
      class_weights: [0.1, 0.2, 0.4, 0.3, 0.4],
      classlabels_int64s: [0, 1],
    },
    outputs: 2,
    reference: gives(
      { shape: [6], data: [1, 0, 0, 0, 0, 0] },
      { shape: [6, 2], data: [0.3, 0.7, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.6, 0.4, 0.5, 0.5] },
    ),
  },
  {
    name: 'score of the class, logistic',
    op: 'TreeEnsembleClassifier',
    domain,
    inputs: [more],
    attributes: {
      ...classifier,
      class_ids: [0, 0, 0, 0, 0],
      class_weights: [-1, 2, 0.4, 0.3, -0.4],
      classlabels_int64s: [0, 1],
      post_transform: 'LOGISTIC',
    },
    outputs: 2,
    reference: gives(
      { shape: [6], data: [0, 0, 0, 0, 0, 1] },
      {
        shape: [6, 2],
        data: [
          0.6681877, 0.3318123, 0.6681877, 0.3318123, 0.8021839, 0.1978161, 0.8021839, 0.1978161, 0.8021839, 0.1978161,
          0.09112293, 0.9088771,
        ],
      },
    ),
  },
]
