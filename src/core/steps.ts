// Work that may have to wait, written once: finished with promises, or without where nothing has to be waited for.
import { LanewiseError } from './errors.js'

/** Something to wait for. */
interface Wait {
  /** What is done meanwhile, for an error: "loading the kernels". */
  readonly what: string
  begin(): Promise<unknown>
  /** How the same is had at once, if it can be. */
  readonly now: (() => unknown) | undefined
}

/**
 * Work in steps. It yields what it waits for, and is given what that led to; or yields `undefined` where it has taken a
 * while and events may happen.
 */
export type Steps<T> = Generator<Wait | undefined, T, unknown>

/** Waits for a promise; where nobody waits, takes what `now` returns in its place. */
export function* waitFor<T>(what: string, begin: () => Promise<T>, now?: () => T): Steps<T> {
  return (yield { what, begin, now }) as T
}

/** Does the work and waits where it has to; begins at once. */
export async function finish<T>(steps: Steps<T>): Promise<T> {
  let step = steps.next()
  while (!step.done) {
    let made: unknown
    try {
      made = await (step.value ? step.value.begin() : letEventsRun())
    } catch (error) {
      step = steps.throw(error)
      continue
    }
    step = steps.next(made)
  }
  return step.value
}

/** Does the work without waiting. @throws LanewiseError `E_STATE` if it has to. */
export function finishNow<T>(steps: Steps<T>): T {
  let step = steps.next()
  while (!step.done) {
    let made: unknown
    try {
      if (step.value) made = now(step.value)
    } catch (error) {
      step = steps.throw(error)
      continue
    }
    step = steps.next(made)
  }
  return step.value
}

function now({ what, now }: Wait): unknown {
  if (now) return now()
  throw new LanewiseError('E_STATE', `${what} cannot be done synchronously`)
}

/** Lets timers and events run: a resolved promise would not. */
function letEventsRun(): Promise<void> {
  return new Promise((done) => setTimeout(done, 0))
}
