// Beside classifier.onnx: the recipe that made it, and that measures it.
export { default } from './finetune.js'
