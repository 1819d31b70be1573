// Which way an attention is computed. `npm run bench -- kernels --variant attention/vector,attention/blocks --sweep`
// measures the ways against each other around this threshold; the figures behind it are in
// docs/performance/sequence.md.
import { firstThatPays, type Variant } from '../../core/variants.js'

interface Case {
  readonly queries: number
  /** Whether the elements of every vector are neighbours in memory. */
  readonly contiguous: boolean
}

interface AttentionVariant extends Variant<Case> {
  readonly kernel: 'attention_f32' | 'attention_vector_f32'
}

/** For so few queries keys and values are not worth packing. */
const VECTOR_QUERIES = 3

/** In this order: the first that takes and pays. */
const table: readonly AttentionVariant[] = [
  {
    name: 'vector',
    kernel: 'attention_vector_f32',
    takes: ({ contiguous }) => contiguous,
    pays: ({ queries }) => queries <= VECTOR_QUERIES,
  },
  { name: 'blocks', kernel: 'attention_f32', takes: () => true, pays: () => true },
]

/** The way to compute an attention. */
export function chooseKernel(problem: Case): AttentionVariant {
  return firstThatPays('attention', table, problem)
}
