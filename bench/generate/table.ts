import type { Ratio, Summary } from '../statistics.js'

/** One way to write a text. */
export interface GenerationEngine {
  readonly label: string
  /** Milliseconds of a token, over all of a text. */
  readonly perToken: Summary
  /** Medians about the tenth token and about the five hundredth. */
  readonly early: number
  readonly late: number
  /** How many times as long the peer takes for the same token. */
  readonly ratio: Ratio
}

export interface GenerationResult {
  readonly name: string
  readonly engines: readonly GenerationEngine[]
  readonly disagreements: readonly string[]
  /** Of a cache in the session: how much longer a late token takes than an early one, attention left out. */
  readonly growth: number
}

export interface GenerationReport {
  readonly environment: {
    readonly engine: string
    readonly key: string
    readonly clock: string
    readonly build: 'simd' | 'relaxed'
    readonly cpu: string
    readonly versions: Readonly<Record<string, string>>
  }
  readonly results: readonly GenerationResult[]
}

/** The report as a Markdown table. */
export function generationTable({ environment, results }: GenerationReport): string {
  const { engine, build, cpu, clock, versions } = environment
  return [
    `${engine}, build ${build}, ${cpu}, ${clock} clock; ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}`,
    '',
    '| model | engine | tokens/s | ms, tokens 10–60 | ms, tokens 454–504 | against onnxruntime-web |',
    '|---|---|---|---|---|---|',
    ...results.flatMap(({ name, engines }) =>
      engines.map(
        ({ label, perToken, early, late, ratio }) =>
          `| ${name} | ${label} | ${(1000 / perToken.median).toFixed(0)} | ${early.toFixed(3)} | ${late.toFixed(3)} | ${ratio.ratio.toPrecision(3)}× ± ${Math.round(100 * ratio.noise)} % |`,
      ),
    ),
    '',
    ...results.map(
      ({ name, growth }) =>
        `${name}, cache in the session: tokens 454–504 take ${growth.toFixed(2)} times as long as 10–60, attention left out`,
    ),
    ...results.flatMap(({ name, disagreements }) => disagreements.map((what) => `\n${name}: ${what}`)),
  ].join('\n')
}

/** Ratios as they are stored: one for each way of writing. */
export function generationRatios({ results }: GenerationReport): {
  readonly suite: 'generate'
  readonly name: string
  readonly ratios: Readonly<Record<string, Ratio>>
}[] {
  return results.flatMap(({ name, engines }) =>
    engines
      .filter(({ label }) => label !== 'onnxruntime-web')
      .map(({ label, ratio }) => ({
        suite: 'generate',
        name: `${name}, ${label}`,
        ratios: { 'onnxruntime-web': ratio },
      })),
  )
}
