import { expect, test } from 'vitest'
import { Turns } from '../../src/serve/turns.js'

test('of long work there is one piece between two rounds of the event loop, in the order in which they came', async () => {
  const turns = new Turns()
  let round = 0
  let counting = true
  const count = (): void => {
    round++
    if (counting) setImmediate(count)
  }
  setImmediate(count)
  const rounds: number[] = []
  const names: string[] = []
  const work = async (name: string): Promise<void> => {
    for (let piece = 0; piece < 3; piece++) {
      await turns.next()
      rounds.push(round)
      names.push(name)
    }
  }
  await Promise.all([work('a'), work('b'), work('c')])
  counting = false
  expect(names).toEqual(['a', 'b', 'c', 'a', 'b', 'c', 'a', 'b', 'c'])
  expect(new Set(rounds).size).toBe(9)
})
