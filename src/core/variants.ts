/**
 * By family ("conv"), the variant ("direct/taps"), or all of one name ("direct"), that operators take wherever it can
 * compute what they ask for, instead of the one that their table of variants finds fastest. For the bench, which so
 * measures what those tables claim; nothing else sets it.
 *
 * @internal
 */
export const forcedVariants = new Map<string, string>()

/** A way to compute something, in a family's table. */
export interface Variant<P> {
  readonly name: string
  /** Whether it computes this at all. */
  takes(problem: P): boolean
  /** Whether it is the fastest of this and what comes after it in the table. */
  pays(problem: P): boolean
}

/**
 * The first variant of a table that computes a problem and pays, or the one that is forced; the last one takes
 * everything.
 */
export function firstThatPays<P, V extends Variant<P>>(family: string, table: readonly V[], problem: P): V {
  const forced = forcedVariants.get(family)
  const able = forced ? table.filter((variant) => isOf(variant.name, forced) && variant.takes(problem)) : []
  return (
    able.find((variant) => variant.pays(problem)) ??
    able[0] ??
    table.find((variant) => variant.takes(problem) && variant.pays(problem)) ??
    table[table.length - 1]
  )
}

/** Whether a variant is the one that is named, or one of several of that name: "direct/taps" is of "direct". */
export function isOf(variant: string, name: string): boolean {
  return `${variant}/`.startsWith(`${name}/`)
}
