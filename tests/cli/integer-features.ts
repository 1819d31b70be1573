// Loads the network of features that is named and says what it makes of a black picture: channels and rows.
import '../../src/node.js'
import { FeatureNetwork } from '../../src/cli/captions/features.js'

const network = await FeatureNetwork.load(process.argv[2], { side: 32 })
const [{ channels, rows }] = await network.of([
  { width: 32, height: 32, channels: 3, data: new Float32Array(3 * 32 * 32) },
])
console.log(channels, rows)
await network.release()
