import { f32, gives, typed, type Case } from '../case.js'

const rois = f32([2, 4], { values: [0.5, 1, 4, 5.5, -1, -2, 3, 2] })
const images = typed('int64', [2], { values: [0, 1] })
const regions = f32([2, 5], { values: [0, 0.5, 1, 4, 5.5, 1, -1, -2, 3, 2] })

// Expected outputs are those of onnxruntime-web 1.30, except where it is said why not.
export const roiCases: readonly Case[] = [
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
]
