import { f32, gives, typed, weight, type Case } from '../case.js'

const domain = 'com.microsoft'

// Expected outputs are those of onnxruntime-web 1.30.
export const microsoftMatmulCases: readonly Case[] = [
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
]
