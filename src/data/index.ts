/**
 * Data for training: datasets, loaders, readers, scaling and augmentation.
 *
 * @packageDocumentation
 */
export { augment, distort, flip, noise, shift, type Augmentation, type Distortion } from './augment.js'
export { csvRows, csvStream, readCsv, type CsvFields, type CsvOptions } from './csv.js'
export {
  ConcatDataset,
  mapped,
  randomSplit,
  stack,
  Subset,
  TensorDataset,
  type Dataset,
  type Fields,
  type StreamDataset,
} from './dataset.js'
export { digitNames, drawDigit, generateDigits } from './digits.js'
export { decodeIdx, encodeIdx, readIdx } from './idx.js'
export { ImageFolder, type ImageFolderOptions } from './image-folder.js'
export { ImageSet } from './image-set.js'
export { DataLoader, type LoaderOptions, type LoaderState } from './loader.js'
export { loadMnist, loadMnistPart, mnistSets, type MnistName, type MnistPart, type MnistSource } from './mnist.js'
export { decodePicture, resizedPicture, type Picture } from './picture.js'
export { RandomSampler, SequentialSampler, WeightedRandomSampler, type Sampler } from './sampler.js'
export { MinMaxScaler, StandardScaler, type ScaleBy, type ScalerState } from './scale.js'
export { joinDocuments, LengthBucketSampler, padSequences, SequenceDataset, type PadOptions } from './sequences.js'
export { textStream, TokenDataset, Vocabulary, type TextUnit, type WindowOptions } from './text.js'
export { Random, type RandomState } from '../core/random.js'
