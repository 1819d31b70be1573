import { present } from '../../src/core/errors.js'
import type * as Lanewise from '../../src/index.js'
import { publishValue } from '../../src/api/value.js'
import { toHost } from '../../src/api/tensor.js'
import type { Feeds, Work } from '../work.js'
import type { EngineName, Loaded, Peer } from './peer.js'

/** This library, by its own session API. The entry point differs between Node and browsers, so it is handed in. */
export function lanewisePeer(
  { InferenceSession, env }: typeof Lanewise,
  build: Lanewise.Build | 'auto',
  threads = 1,
  name: EngineName = 'lanewise',
): Peer {
  const load = async (model: Uint8Array, inputs: readonly Feeds[], states: Work['states'] = {}): Promise<Loaded> => {
    const session = await InferenceSession.create(model, { build, logLevel: 'error', states, threads })
    const feeds = inputs.map((feed) =>
      Object.fromEntries([...feed].map(([name, value]) => [name, publishValue(value)])),
    )
    const kept = Object.keys(states)
    const passing = feeds.map((feed) =>
      Object.fromEntries(Object.entries(feed).filter(([name]) => !kept.includes(name))),
    )
    return {
      run: (i) => session.run(passing[i]),
      async outputs(i) {
        const results = await session.run(feeds[i], session.outputNames)
        return new Map(Object.entries(results).map(([name, tensor]) => [name, toHost(tensor, name)]))
      },
      async kernelTime(i) {
        await session.run(passing[i], undefined, { profile: true })
        return present(session.lastProfile, 'profile').reduce(
          (sum, entry) => (entry.op === 'Reorder' ? sum : sum + entry.ms),
          0,
        )
      },
      async kernels(i) {
        await session.run(passing[i], undefined, { profile: true })
        return present(session.lastProfile, 'profile').flatMap(({ op, kernel }) =>
          op === 'Reorder' || !kernel ? [] : [kernel],
        )
      },
      release: () => session.release(),
    }
  }
  return {
    name,
    version: env.versions.lanewise,
    load: async ({ model, float32, feeds, states }) => {
      if (name !== 'float32') return load(model, feeds, states)
      return float32 && load(float32, feeds, states)
    },
    loadIdentity: ({ model, feeds }) => load(model, feeds),
  }
}
