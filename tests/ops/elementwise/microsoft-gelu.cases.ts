import { f32, gives, weight, type Case } from '../case.js'

const domain = 'com.microsoft'
const gelu = [f32([2, 5], { low: -3, high: 3 }), weight([5])]

// Expected outputs are those of onnxruntime-web 1.30.
export const microsoftGeluCases: readonly Case[] = [
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
]
