import { Conv2d, Dropout, Flatten, init, Linear, MaxPool2d, ReLU, Sequential, Sigmoid } from '../../src/train.js'

// From pictures [N, 1, 28, 28] to scores of ten classes.

export const oneLayer = () => new Sequential(new Flatten(), new Linear(784, 10))

export const oneHidden = () => new Sequential(new Flatten(), new Linear(784, 256), new ReLU(), new Linear(256, 10))

/** A sigmoid's slope is ¼ at most: the gain makes up for it (Glorot & Bengio, 2010). */
const forSigmoid = { init: init.xavierUniform(4) }

export const mlp = () =>
  new Sequential(
    new Flatten(),
    new Linear(784, 256, forSigmoid),
    new Sigmoid(),
    new Linear(256, 256, forSigmoid),
    new Sigmoid(),
    new Linear(256, 10),
  )

const forReLU = { init: init.kaimingUniform() }

/**
 * Two convolutions, each with a pooling, and a wide dense layer: 28 → 24 → 12 → 8 → 4, 1.1 million weights. Edges are
 * paper, so nothing is padded.
 */
export const cnn = () =>
  new Sequential(
    new Conv2d(1, 32, 5, forReLU),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(32, 64, 5, forReLU),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(64 * 4 * 4, 1024, forReLU),
    new ReLU(),
    new Dropout(0.5),
    new Linear(1024, 10),
  )

/** The same idea with 21 thousand weights. */
export const small = () =>
  new Sequential(
    new Conv2d(1, 10, 5, forReLU),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(10, 20, 5, forReLU),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(20 * 4 * 4, 48, forReLU),
    new ReLU(),
    new Linear(48, 10),
  )
