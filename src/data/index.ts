/**
 * Data for training: datasets, loaders, readers, scaling and augmentation.
 *
 * @packageDocumentation
 */
export {
  captionTokens,
  CaptionVocabulary,
  captionWords,
  checkParts,
  parseCaptions,
  readCaptions,
  readPictureList,
  type CaptionedPicture,
} from './captions.js'
export { augment, distort, flip, noise, shift, type Augmentation, type Distortion } from './augment.js'
export { csvRows, csvStream, readCsv, type CsvFields, type CsvOptions } from './formats/csv.js'
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
export { decodeIdx, encodeIdx, readIdx } from './formats/idx.js'
export { ImageFolder, type ImageFolderOptions } from './image-folder.js'
export { LabelledImages, type LabelledImagesOptions } from './labelled-images.js'
export { ImageSet } from './image-set.js'
export { DataLoader, type LoaderOptions, type LoaderState } from './loader.js'
export { loadMnist, loadMnistPart, mnistSets, type MnistName, type MnistPart, type MnistSource } from './mnist.js'
export { croppedPicture, decodePicture, resizedPicture, type Picture } from './picture.js'
export { readPictureLabels, withMargin, type Box, type PictureLabel } from './picture-labels.js'
export { ParallelSampler, RandomSampler, SequentialSampler, WeightedRandomSampler, type Sampler } from './sampler.js'
export { interleaved, MixedDataset, type MixOptions } from './mixing.js'
export { matVersion, readMat } from './formats/mat5.js'
export { MinMaxScaler, StandardScaler, type ScaleBy, type ScalerState } from './scale.js'
export { joinDocuments, LengthBucketSampler, padSequences, SequenceDataset, type PadOptions } from './sequences.js'
export {
  DrawnScenes,
  SCENE_SIDE,
  sceneCaption,
  sceneVocabulary,
  type Scene,
  type SceneGroup,
  type SceneShape,
} from './scenes.js'
export { loadSvhnDigits, readDigitStruct, svhnNumbers, type DigitStruct, type SvhnNumber } from './svhn.js'
export { tarEntries, type TarEntry, type TarOptions } from './formats/tar.js'
export { textStream, TokenDataset, Vocabulary, type TextUnit, type WindowOptions } from './text.js'
export { WorkerLoader, type WorkerLoaderOptions } from './worker-loader.js'
export { Random, type RandomState } from '../core/random.js'
