export { trainBpe, type BpeTables, type BpeTraining } from './bpe-trainer.js'
export { gpt2Pattern } from './byte-level.js'
export { Decoder, Tokenizer, type Normalizer, type TokenizerOptions, type TrainTokenizerOptions } from './tokenizer.js'
export { SentencePieceTokenizer } from './sentencepiece.js'
