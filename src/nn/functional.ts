// Functions of tensors: what modules are made of. Shapes broadcast as in NumPy; names are PyTorch's. `op` is any
// operator by its ONNX name.
export * from './functional/activations.js'
export * from './functional/arrange.js'
export * from './functional/create.js'
export * from './functional/elementwise.js'
export * from './functional/layers.js'
export * from './functional/mathematics.js'
export * from './functional/movement.js'
export * from './functional/operator.js'
export * from './functional/products.js'
export * from './functional/reduce.js'
