import { Random } from '../../src/train.js'
import type { Part, TextSource } from './texts.js'

/** A sentence of the grammar, and whether it praises (1) or not (0). */
export interface Sentence {
  readonly text: string
  readonly label: 0 | 1
}

const subjects = {
  one: ['the film', 'this story', 'the plot', 'the music', 'every scene', 'her acting'],
  many: ['the actors', 'these jokes', 'the pictures', 'both songs', 'the dialogues', 'most scenes'],
}
const verbs = { one: ['is', 'was', 'seems', 'stays'], many: ['are', 'were', 'seem', 'stay'] }
const good = ['wonderful', 'funny', 'moving', 'clever', 'brilliant', 'warm']
const bad = ['boring', 'awful', 'dull', 'silly', 'empty', 'weak']
const degrees = ['very', 'quite', 'truly', 'almost']
const ends = ['.', '.', '.', '!']

/**
 * A sentence of a small probabilistic grammar, for tests and demonstrations without any data: one or two clauses with a
 * subject, a verb that agrees with it, and a judgement; "not" and "never" turn it round, and after "but" comes the
 * opposite, which counts.
 */
export function drawSentence(random: Random): Sentence {
  const pick = <T>(list: readonly T[]): T => list[random.integer(list.length)]
  const clause = (praises: boolean): string => {
    const number = pick(['one', 'many'] as const)
    const negated = random.uniform() < 0.3
    const adjective = pick(praises !== negated ? good : bad)
    const degree = random.uniform() < 0.3 ? [pick(degrees)] : []
    return [
      pick(subjects[number]),
      pick(verbs[number]),
      ...(negated ? [pick(['not', 'never'])] : []),
      ...degree,
      adjective,
    ].join(' ')
  }
  const label = random.integer(2) as 0 | 1
  const praises = label === 1
  const kind = random.uniform()
  if (kind < 0.5) return { text: `${clause(praises)} ${pick(ends)}`, label }
  if (kind < 0.75) return { text: `${clause(praises)} and ${clause(praises)} ${pick(ends)}`, label }
  return { text: `${clause(!praises)} , but ${clause(praises)} ${pick(ends)}`, label }
}

/** So many sentences; none of the parts has the seeds of another. */
export function drawSentences(count: number, seed: number): Sentence[] {
  return Array.from({ length: count }, (_, i) => drawSentence(Random.at(seed, i)))
}

const seeds: Record<Part, number> = { train: 1, validation: 2, test: 3 }

/** Documents of four sentences each. */
export function grammarText(documents = 4000): TextSource {
  return {
    name: `${documents} documents of a generated language`,
    key: `grammar ${documents}`,
    *documents(part) {
      const count = part === 'train' ? documents : Math.ceil(documents / 20)
      const sentences = drawSentences(4 * count, seeds[part])
      for (let i = 0; i < count; i++)
        yield sentences
          .slice(4 * i, 4 * i + 4)
          .map(({ text }) => text)
          .join(' ')
    },
  }
}
