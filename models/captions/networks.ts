import {
  AttentionLSTM,
  Embedding,
  F,
  init,
  Linear,
  LSTM,
  Module,
  RNN,
  type InputSpec,
  type Variable,
} from '../../src/train.js'

/** What a decoder is made with. */
export interface CaptionerOptions {
  /** Tokens of the vocabulary. */
  readonly words: number
  /** Numbers that are known of each place of a picture. */
  readonly channels: number
  /** Size of the hidden state, and of a word's vector. */
  readonly hidden: number
  /**
   * Share of the numbers that training leaves out, of words' vectors, of projected features and of what scores are made
   * of.
   */
  readonly dropout?: number
}

/** What is known before a word: places of the picture (attention only), hidden state, cells. */
export type CaptionState = readonly Variable[]

/** What every captioner is, whatever it is told of a picture. */
export interface CaptionModel extends Module {
  /** Names of the states, in their order. */
  readonly states: readonly string[]
  /** Size of the states. */
  readonly hidden: number
  /** What it is told of a picture: a name, and the sizes behind the batch. */
  readonly input: { readonly name: string; readonly shape: InputSpec['shape'] }
  /** The state before the first word. */
  begin(input: Variable): CaptionState
  /** Scores [N, words] of what follows one word [N, 1]. */
  step(token: Variable, state: CaptionState): { scores: Variable; state: CaptionState; weights?: Variable }
  /** Scores [N, T, words] of what follows each of the words [N, T], the first one `<START>`. */
  forward(input: Variable, tokens: Variable): Variable
}

/** The state of each picture so many times, one after the other. */
export function severalOf(state: CaptionState, times: number): CaptionState {
  return times === 1 ? state : state.map((value) => F.repeatInterleave(value, times, 0))
}

/**
 * A decoder that is told a picture's features and says it word by word. The three kinds differ in {@link begin},
 * {@link sequence} and {@link step} alone. A word's vector is also the weights by which the word is scored (Press &
 * Wolf, 2017).
 */
export abstract class Captioner extends Module implements CaptionModel {
  readonly project: Linear
  readonly embedding: Embedding
  readonly bias
  abstract readonly states: readonly string[]

  constructor(readonly options: CaptionerOptions) {
    super()
    const { words, channels, hidden } = options
    this.project = new Linear(channels, hidden)
    this.embedding = new Embedding(words, hidden, { init: init.normal(0, 1 / Math.sqrt(hidden)) })
    this.bias = this.parameter([words], init.zeros)
  }

  get hidden(): number {
    return this.options.hidden
  }

  get input(): CaptionModel['input'] {
    return { name: 'features', shape: [{ name: 'L', size: 4 }, this.options.channels] }
  }

  /** @param features - [N, places, channels]. @returns the state before the first word. */
  abstract begin(features: Variable): CaptionState

  /** All words at once. @param x - [N, T, hidden]. @returns [N, T, hidden]. */
  protected abstract sequence(x: Variable, state: CaptionState): Variable

  /**
   * One word. @param x - [N, hidden]. @returns the hidden state [N, hidden], the state after it, and how much each
   * place was looked at [N, places].
   */
  protected abstract next(x: Variable, state: CaptionState): { h: Variable; state: CaptionState; weights?: Variable }

  /**
   * Scores of what follows each word.
   *
   * @param features - [N, places, channels]. @param tokens - [N, T], the first one `<START>`; or [N·K, T], K captions
   *   of each picture. @returns [N, T, words], or [N·K, T, words].
   */
  forward(features: Variable, tokens: Variable): Variable {
    const state = severalOf(this.begin(features), tokens.shape[0] / features.shape[0])
    return this.scores(this.sequence(this.vectors(tokens), state))
  }

  /** Scores [N, words] of what follows one word. @param token - [N, 1]. */
  step(token: Variable, state: CaptionState): { scores: Variable; state: CaptionState; weights?: Variable } {
    const { h, ...rest } = this.next(F.squeeze(this.vectors(token), [1]), state)
    return { scores: this.scores(h), ...rest }
  }

  private vectors(tokens: Variable): Variable {
    // Small enough to score by, large enough to be heard beside the state.
    return this.drop(F.mul(this.embedding.call(tokens), Math.sqrt(this.options.hidden)))
  }

  private scores(h: Variable): Variable {
    return F.linear(this.drop(h), this.embedding.weight, this.bias)
  }

  protected projected(features: Variable): Variable {
    return this.drop(this.project.call(features))
  }

  private drop(x: Variable): Variable {
    return F.dropout(x, this.options.dropout ?? 0, this.training)
  }
}

/** h′ = tanh(x·W_x + h·W_h + b); the first h is the mean of the features over the picture, projected. */
export class RNNCaptioner extends Captioner {
  static override readonly name: string = 'RNNCaptioner'
  readonly states = ['h']
  readonly decoder: RNN

  constructor(options: CaptionerOptions) {
    super(options)
    this.decoder = new RNN(options.hidden, options.hidden, { batchFirst: true })
  }

  begin(features: Variable): CaptionState {
    return [this.projected(F.mean(features, [1]))]
  }

  protected sequence(x: Variable, [h]: CaptionState): Variable {
    return this.decoder.call(x, F.unsqueeze(h, [0]))[0]
  }

  protected next(x: Variable, [h]: CaptionState): ReturnType<Captioner['next']> {
    const after = F.squeeze(this.decoder.call(F.unsqueeze(x, [1]), F.unsqueeze(h, [0]))[1], [0])
    return { h: after, state: [after] }
  }
}

/** A long short-term memory in the same place; its cells begin with zeros. */
export class LSTMCaptioner extends Captioner {
  static override readonly name: string = 'LSTMCaptioner'
  readonly states = ['h', 'c']
  readonly decoder: LSTM

  constructor(options: CaptionerOptions) {
    super(options)
    this.decoder = new LSTM(options.hidden, options.hidden, { batchFirst: true })
  }

  begin(features: Variable): CaptionState {
    const h = this.projected(F.mean(features, [1]))
    // Zeros that are as many as there are pictures.
    return [h, F.mul(h, 0)]
  }

  protected sequence(x: Variable, [h, c]: CaptionState): Variable {
    return this.decoder.call(x, [F.unsqueeze(h, [0]), F.unsqueeze(c, [0])])[0]
  }

  protected next(x: Variable, [h, c]: CaptionState): ReturnType<Captioner['next']> {
    const [, states] = this.decoder.call(F.unsqueeze(x, [1]), [F.unsqueeze(h, [0]), F.unsqueeze(c, [0])])
    const [after, cells] = states.map((state) => F.squeeze(state, [0]))
    return { h: after, state: [after, cells] }
  }
}

/**
 * An LSTM that looks at the places of the picture before each word; the first h and c are the mean of the projected
 * places.
 */
export class AttentionCaptioner extends Captioner {
  static override readonly name: string = 'AttentionCaptioner'
  readonly states = ['places', 'h', 'c']
  readonly decoder: AttentionLSTM

  constructor(options: CaptionerOptions) {
    super(options)
    this.decoder = new AttentionLSTM(options.hidden, options.hidden, { batchFirst: true })
  }

  begin(features: Variable): CaptionState {
    const places = this.projected(features)
    return [places, ...this.decoder.initialState(places)]
  }

  protected sequence(x: Variable, [places, h, c]: CaptionState): Variable {
    return this.decoder.call(x, places, [h, c])[0]
  }

  protected next(x: Variable, [places, h, c]: CaptionState): ReturnType<Captioner['next']> {
    const [after, cells, weights] = this.decoder.step(x, places, [h, c])
    return { h: after, state: [places, after, cells], weights }
  }
}
