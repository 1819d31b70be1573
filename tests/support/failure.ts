import { formatShape } from '../../src/core/shape.js'

/** Where a comparison was made: all that is known of it. */
export interface Place {
  /** The case: "Conv 3x3 stride 2: output 0". */
  readonly what: string
  readonly build?: string
  /** The kernels that ran, in order. */
  readonly kernels?: readonly string[]
  /** Runs the case again. */
  readonly command?: string
}

/** An element that is further from its reference than allowed. */
export interface Wrong {
  /** In row-major order. */
  readonly index: number
  readonly got: number | string
  readonly expected: number | string
  /** How far beyond what is allowed; Infinity where one of the two is no number. */
  readonly excess: number
}

/** The coordinates of an element in row-major order. */
export function coordinatesOf(index: number, shape: readonly number[]): number[] {
  const coordinates: number[] = []
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    coordinates.unshift(index % shape[axis])
    index = Math.floor(index / shape[axis])
  }
  return coordinates
}

/** The case, the build, the kernels and the command: what of a failure is known without its elements. */
export function describePlace({ what, build, kernels, command }: Place): string {
  return lines(
    what,
    build && `build ${build}`,
    kernels?.length ? `kernels ${kernels.join(', ')}` : undefined,
    command && `again: ${command}`,
  )
}

function lines(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part).join('\n  ')
}

/** Which element is worst, how many are wrong and where, and what ran: the message of a test that fails. */
export function describeFailure(place: Place, shape: readonly number[], wrong: readonly Wrong[]): string {
  const worst = wrong.reduce((a, b) => (b.excess > a.excess ? b : a))
  const at = wrong.map(({ index }) => coordinatesOf(index, shape))
  // The smallest box that holds every wrong element: an edge, one channel, one image show as such.
  const box = shape.map((_, axis) => {
    const along = at.map((coordinates) => coordinates[axis])
    const [low, high] = along.reduce(([a, b], x) => [Math.min(a, x), Math.max(b, x)], [Infinity, -Infinity])
    return low === high ? `${low}` : `${low}..${high}`
  })
  const total = shape.reduce((product, size) => product * size, 1)
  return lines(
    describePlace(place),
    `worst at [${coordinatesOf(worst.index, shape).join(', ')}] of ${formatShape(shape)}: got ${worst.got}, expected ${worst.expected}`,
    `wrong: ${wrong.length} of ${total}, within [${box.join(', ')}]`,
  )
}

/** The command that runs one test again; the relaxed build needs a newer engine than the oldest that is supported. */
export function commandFor(file: string, name: string, build?: string): string {
  const pattern = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const vitest =
    build === 'relaxed'
      ? 'LANEWISE_BUILDS=relaxed npx --yes node@24 node_modules/vitest/vitest.mjs run'
      : 'npx vitest run'
  return `${vitest} ${file} -t '${pattern.replaceAll("'", "'\\''")}'`
}
