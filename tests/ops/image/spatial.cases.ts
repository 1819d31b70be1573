import { col2im } from './col2im.reference.js'
import { f32, gives, int64s, typed, weight, type Case } from '../case.js'

const rois = f32([2, 4], { values: [0.5, 1, 4, 5.5, -1, -2, 3, 2] })
const images = typed('int64', [2], { values: [0, 1] })
const regions = f32([2, 5], { values: [0, 0.5, 1, 4, 5.5, 1, -1, -2, 3, 2] })
const scores = f32([2, 3, 2])
const targets = typed('int64', [2, 2], { values: [0, 2, 1, 1] })

/** Windows of 2×2 at stride 2. */
const unpool: Case['reference'] = ([x, places]) => {
  const shape = [x.shape[0], x.shape[1], x.shape[2] * 2, x.shape[3] * 2]
  const data = new Array<number>(x.data.length * 4).fill(0)
  places.data.forEach((place, i) => (data[place] = x.data[i]))
  return [{ shape, data }]
}

// Expected outputs are those of onnxruntime-web 1.30, except where it is said why not.
export const spatialCases: readonly Case[] = [
  {
    name: 'average',
    op: 'RoiAlign',
    inputs: [f32([2, 2, 6, 5]), rois, images],
    attributes: { output_height: 2, output_width: 2, sampling_ratio: 2 },
    reference: gives({
      shape: [2, 2, 2, 2],
      data: [
        -0.05316886, -0.2294042, -0.160945, -0.2619433, 0.1997042, 0.1022956, -0.3663473, -0.3797848, -0.3187285,
        -0.2392834, -0.03222424, -0.2184426, 0.3893537, 0.116159, 0.2713569, 0.2504686,
      ],
    }),
  },
  {
    name: 'maximum, own number of samples, scale',
    op: 'RoiAlign',
    inputs: [f32([2, 1, 6, 5]), rois, images],
    attributes: { output_height: 2, output_width: 3, mode: 'max', spatial_scale: 0.5 },
    reference: gives({
      shape: [2, 1, 2, 3],
      data: [
        -0.0008024932, -0.01200375, 0.05825713, 0.01756245, 0.2634369, 0.3336867, 0.1111157, 0.1111157, 0.4358799,
        0.1111157, 0.1111157, 0.4358799,
      ],
    }),
  },
  {
    name: 'opset 10',
    op: 'RoiAlign',
    opset: 10,
    inputs: [f32([2, 1, 6, 5]), rois, images],
    attributes: { output_height: 2, output_width: 2, sampling_ratio: 1 },
    reference: gives({
      shape: [2, 1, 2, 2],
      data: [-0.08145553, -0.3347388, -0.2059421, -0.04442871, -0.3557212, 0.1674875, -0.5054817, 0.6746129],
    }),
  },
  {
    name: 'two images',
    op: 'MaxRoiPool',
    inputs: [f32([2, 2, 6, 5]), regions],
    attributes: { pooled_shape: [2, 3] },
    reference: gives({
      shape: [2, 2, 2, 3],
      data: [
        0.5987029, -0.273855, 0.6866266, 0.8174148, 0.8174148, 0.3866948, 0.5616966, 0.8516862, 0.8516862, 0.9607865,
        0.9607865, 0.8539003, 0.140241, 0.4425196, 0.9027062, 0.3984177, 0.8560649, 0.9027062, 0.7135304, 0.7135304,
        0.7721835, 0.9164064, 0.9512852, 0.9792306,
      ],
    }),
  },
  {
    name: 'scale',
    op: 'MaxRoiPool',
    inputs: [f32([2, 1, 6, 5]), regions],
    attributes: { pooled_shape: [2, 2], spatial_scale: 0.5 },
    reference: gives({
      shape: [2, 1, 2, 2],
      data: [0.610589, 0.610589, 0.610589, 0.610589, -0.8886593, 0.4415478, 0.6543452, 0.772887],
    }),
  },
  {
    name: 'offsets and mask',
    op: 'DeformConv',
    inputs: [f32([1, 2, 4, 4]), weight([2, 2, 2, 2]), f32([1, 8, 3, 3]), weight([2]), f32([1, 4, 3, 3])],
    attributes: { kernel_shape: [2, 2] },
    reference: gives({
      shape: [1, 2, 3, 3],
      data: [
        -0.6514904, -0.5324166, -0.9553432, -0.769734, -0.6034192, -0.8451322, -0.68199, -0.7412537, -1.1129, 1.909799,
        0.9896301, 0.637035, 0.4703215, 0.6992277, 0.8070698, 0.5431777, 0.4269682, 0.2765909,
      ],
    }),
  },
  {
    name: 'groups of offsets, pads, strides',
    op: 'DeformConv',
    inputs: [f32([1, 2, 5, 4]), weight([2, 1, 2, 2]), f32([1, 16, 3, 3], { low: -2, high: 2 })],
    attributes: { group: 2, offset_group: 2, pads: [1, 1, 1, 1], strides: [2, 2], kernel_shape: [2, 2] },
    reference: gives({
      shape: [1, 2, 3, 3],
      data: [
        -0.243726, 0.07865504, 0, -0.410872, -0.7374638, -0.7932236, -0.03897153, -0.1187285, -0.3099629, -0.05597968,
        -0.02044606, -0.1141219, -0.08577058, -0.3562709, 0.06577276, -0.05459065, 0.2261978, 0.2572287,
      ],
    }),
  },
  {
    name: 'overlapping blocks',
    op: 'Col2Im',
    inputs: [f32([1, 8, 12]), int64s(4, 5), int64s(2, 2)],
    reference: gives({
      shape: [1, 2, 4, 5],
      data: [
        0.2300455, 0.4237423, -0.180444, 0.5862079, 0.5988469, 0.3139532, 0.6597239, 2.124434, 0.9512644, -0.8408856,
        0.03589077, -0.3480492, 0.8644263, -0.1526633, 0.06313649, 0.8572025, -0.986799, -1.062916, 0.6614126,
        -0.6907319, -0.04736762, -0.4096421, -1.354226, -0.2956782, -0.1062589, -0.124053, -0.9790075, -1.432122,
        -1.116337, 1.107029, -0.8962979, 1.763617, -0.5817736, -0.2383528, -0.3437467, 0.2851658, 0.1950709, 0.8533936,
        -0.04860181, -0.1229782,
      ],
    }),
  },
  {
    // A sum of truth values is whether any is true.
    name: 'truth values that overlap',
    op: 'Col2Im',
    inputs: [typed('bool', [1, 2, 3], { values: [1, 1, 0, 1, 0, 0] }), int64s(4), int64s(2)],
    reference: gives({ shape: [1, 1, 4], data: [1, 1, 0, 0] }),
    withoutOrt: 'it has no kernel for the type',
  },
  {
    name: 'one axis, pads, strides, dilations',
    op: 'Col2Im',
    inputs: [f32([2, 6, 3]), int64s(7), int64s(3)],
    attributes: { pads: [1, 1], strides: [2], dilations: [2] },
    reference: col2im,
    withoutOrt: 'it sums wrongly where one axis is dilated',
  },
  {
    name: 'plain',
    op: 'MaxUnpool',
    inputs: [f32([1, 1, 2, 2], { values: [1, 2, 3, 4] }), typed('int64', [1, 1, 2, 2], { values: [5, 7, 13, 15] })],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
    reference: unpool,
  },
  {
    name: 'planes',
    op: 'MaxUnpool',
    inputs: [
      f32([2, 2, 2, 2]),
      typed('int64', [2, 2, 2, 2], { values: [0, 3, 9, 10, 17, 18, 28, 31, 36, 35, 41, 46, 48, 54, 61, 63] }),
    ],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
    reference: unpool,
  },
  {
    name: 'output shape',
    op: 'MaxUnpool',
    inputs: [
      f32([1, 1, 2, 2], { values: [5, 6, 7, 8] }),
      typed('int64', [1, 1, 2, 2], { values: [5, 7, 13, 15] }),
      int64s(1, 1, 5, 5),
    ],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
    reference: gives({
      shape: [1, 1, 5, 5],
      data: [0, 0, 0, 0, 0, 0, 5, 0, 6, 0, 0, 0, 0, 0, 0, 0, 7, 0, 8, 0, 0, 0, 0, 0, 0],
    }),
    withoutOrt:
      'it counts indices within the output; the test of the specification (maxunpool_export_with_output_shape) within what was pooled',
  },
  {
    name: 'stack of matrices',
    op: 'Det',
    inputs: [f32([2, 3, 3])],
    reference: gives({ shape: [2], data: [0.09548711, 0.0782784] }),
  },
  {
    name: 'singular',
    op: 'Det',
    inputs: [f32([2, 2], { values: [1, 2, 2, 4] })],
    reference: gives({ shape: [], data: [0] }),
  },
  {
    name: 'no rows',
    op: 'Det',
    inputs: [f32([2, 0, 0])],
    reference: gives({ shape: [2], data: [1, 1] }),
    withoutOrt: 'it does not take empty matrices',
  },
  {
    name: 'mean',
    op: 'NegativeLogLikelihoodLoss',
    inputs: [scores, targets],
    reference: gives({ shape: [], data: [-0.3318064] }),
  },
  {
    name: 'weights, none',
    op: 'NegativeLogLikelihoodLoss',
    inputs: [scores, targets, weight([3])],
    attributes: { reduction: 'none' },
    reference: gives({ shape: [2, 2], data: [0.1770786, 0.2824148, -0.7097667, -0.09297048] }),
  },
  {
    name: 'weighted mean, ignored',
    op: 'NegativeLogLikelihoodLoss',
    inputs: [scores, typed('int64', [2, 2], { values: [0, -1, 1, -1] }), weight([3])],
    attributes: { ignore_index: -1 },
    reference: gives({ shape: [], data: [-0.5061005] }),
  },
  {
    name: 'mean, probabilities',
    op: 'SoftmaxCrossEntropyLoss',
    inputs: [scores, targets],
    outputs: 2,
    reference: gives(
      { shape: [], data: [1.426857] },
      {
        shape: [2, 3, 2],
        data: [
          -1.517539, -0.7103105, -0.586623, -0.9024484, -1.493672, -2.273678, -0.529149, -1.249922, -1.183888,
          -0.7323253, -2.255629, -1.458078,
        ],
      },
    ),
  },
  {
    name: 'weighted sum',
    op: 'SoftmaxCrossEntropyLoss',
    inputs: [scores, targets, weight([3])],
    attributes: { reduction: 'sum' },
    reference: gives({ shape: [], data: [1.98024] }),
  },
]

export const signalCases: readonly Case[] = [
  {
    name: 'real, power of two',
    op: 'DFT',
    inputs: [f32([1, 8, 1])],
    reference: gives({
      shape: [1, 8, 2],
      data: [
        -2.024758, 0, -0.09797144, 2.71295, -0.4715067, 0.7019399, -1.027687, 0.7975404, -0.1552519, -8.171871e-8,
        -1.027687, -0.7975404, -0.4715067, -0.7019399, -0.09797227, -2.712951,
      ],
    }),
  },
  {
    name: 'complex, prime length',
    op: 'DFT',
    inputs: [f32([2, 7, 2])],
    reference: gives({
      shape: [2, 7, 2],
      data: [
        2.153753, 1.141546, -0.8628848, -1.973777, 1.622419, -3.213645, 1.371942, -0.7060782, -0.6760283, 0.4399261,
        -0.681348, 0.1280359, -1.449508, -0.6355793, 0.2000556, -0.04444087, -0.4101356, 1.856506, -0.3526327,
        -1.533577, -2.004316, -1.096129, -2.535658, -2.082309, 0.327487, -1.979021, -1.999705, 0.9133504,
      ],
    }),
  },
  {
    name: 'one side, padded',
    op: 'DFT',
    inputs: [f32([1, 5, 1]), typed('int64', [], { values: [6] })],
    attributes: { onesided: 1 },
    reference: gives({
      shape: [1, 4, 2],
      data: [-0.7413179, 5.960464e-8, -1.198573, 0.1905063, 1.377369, 1.524568, -0.3466624, 6.523344e-7],
    }),
  },
  {
    name: 'inverse along axis 1, cut',
    op: 'DFT',
    inputs: [
      f32([1, 5, 3, 2]),
      typed('int64', [], { values: [4], constant: true }),
      typed('int64', [], { values: [1], constant: true }),
    ],
    attributes: { inverse: 1 },
    reference: gives({
      shape: [1, 4, 3, 2],
      data: [
        0.1175016, -0.08808952, 0.2456732, 0.08939366, -0.05243495, 0.3739172, 0.02389017, 0.05982095, 0.2211353,
        -0.05003333, -0.235857, -0.1340907, 0.29277, -0.2189016, -0.4810953, 0.261187, 0.1196406, -0.03314465,
        0.3773973, -0.7420607, -0.1048185, 0.1937353, -0.6280955, -0.04033617,
      ],
    }),
  },
  {
    name: 'opset 17',
    op: 'DFT',
    opset: 17,
    inputs: [f32([1, 3, 4, 1])],
    attributes: { axis: 2 },
    reference: gives({
      shape: [1, 3, 4, 2],
      data: [
        -1.817749, 0, 0.3329076, 0.2596916, -0.7403842, -4.709312e-8, 0.3329076, -0.2596917, 0.3745512, 0, -0.5139675,
        1.429203, -0.4265497, 3.501723e-8, -0.5139678, -1.429203, -1.311536, 0, 0.5860953, 0.3950331, 0.5982982,
        -8.348151e-8, 0.5860953, -0.3950332,
      ],
    }),
  },
  // The spectrum of 1, 2, 3, 4, 5 is 15, −2.5 ± 3.4409548i, −2.5 ± 0.81229924i.
  {
    name: 'half a spectrum back to a signal of odd length',
    op: 'DFT',
    inputs: [
      f32([1, 3, 2], { values: [15, 0, -2.5, 3.4409548, -2.5, 0.81229924] }),
      typed('int64', [], { values: [5] }),
    ],
    attributes: { inverse: 1, onesided: 1 },
    reference: gives({ shape: [1, 5, 1], data: [1, 2, 3, 4, 5] }),
    withoutOrt: 'its DFT is older than this rule',
  },
  {
    name: 'window',
    op: 'STFT',
    inputs: [f32([1, 10, 1]), typed('int64', [], { values: [3], constant: true }), weight([4])],
    reference: gives({
      shape: [1, 3, 3, 2],
      data: [
        -0.02683619, 0, 1.074079, 0.752717, -0.8671217, 3.673005e-8, 0.5327516, 0, 1.37431, 0.0202563, -0.2857295,
        3.577695e-8, 0.5318327, 0, 0.07464445, 0.5270834, 0.4158714, 5.068828e-9,
      ],
    }),
  },
  {
    name: 'frame length, both sides',
    op: 'STFT',
    inputs: [
      f32([2, 9, 1]),
      typed('int64', [], { values: [2], constant: true }),
      undefined,
      typed('int64', [], { values: [5], constant: true }),
    ],
    attributes: { onesided: 0 },
    reference: gives({
      shape: [2, 3, 5, 2],
      data: [
        2.22609, -5.103648e-7, -0.3224439, 0.859336, -0.2575504, 0.4350694, -0.2575511, -0.4350687, -0.3224447,
        -0.8593357, 2.885086, -7.748604e-7, -0.1646511, -0.2983085, -0.07490106, 0.5959976, -0.07490215, -0.5959973,
        -0.1646506, 0.2983087, 2.104944, -3.874302e-7, 0.5939927, -0.4263242, 0.6483064, 0.5215504, 0.6483057,
        -0.5215507, 0.5939935, 0.4263241, -1.235759, 2.980232e-7, 0.04885188, 0.9147593, -1.173935, -0.3944864,
        -1.173935, 0.3944875, 0.04885063, -0.9147599, -0.7846271, -4.470348e-8, -1.187279, -0.525811, -0.3534366,
        0.2281704, -0.3534365, -0.2281703, -1.187278, 0.5258116, 0.3949444, -5.960464e-8, 1.070811, 0.6663402,
        -0.2832185, 0.3246806, -0.2832192, -0.3246799, 1.07081, -0.6663413,
      ],
    }),
  },
  {
    name: 'periodic',
    op: 'HannWindow',
    inputs: [typed('int64', [], { values: [6], constant: true })],
    reference: gives({ shape: [6], data: [0, 0.25, 0.75, 1, 0.75, 0.25] }),
  },
  {
    name: 'symmetric',
    op: 'HammingWindow',
    inputs: [typed('int64', [], { values: [6], constant: true })],
    attributes: { periodic: 0 },
    reference: gives({ shape: [6], data: [0.0869565, 0.4024053, 0.9128121, 0.9128121, 0.4024053, 0.0869565] }),
  },
  {
    name: 'float64',
    op: 'BlackmanWindow',
    inputs: [typed('int64', [], { values: [5], constant: true })],
    attributes: { output_datatype: 11 },
    reference: gives({ shape: [5], data: [1.490116e-8, 0.2007702, 0.8492299, 0.8492299, 0.2007702] }),
    tolerance: { absolute: 1e-6 },
  },
  {
    name: 'eight bins',
    op: 'MelWeightMatrix',
    inputs: [
      int64s(8),
      int64s(16),
      int64s(8192),
      f32([], { values: [0], constant: true }),
      f32([], { values: [4096], constant: true }),
    ].map((spec, i) => (i < 3 ? { ...spec, shape: [] } : spec)),
    reference: gives({
      shape: [9, 8],
      data: [
        1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
        0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
      ],
    }),
  },
]
