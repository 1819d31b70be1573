import { f32, gives, int64s, typed, weight, type Case } from '../case.js'

// Expected outputs are those of onnxruntime-web 1.30, except where it is said why not.
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
