// How fast one hidden layer learns with pictures of 0 … 255, of 0 … 1 and standardised ones: the same weights, order
// and method, four learning rates. "npx tsx models/mnist/scaling.ts" writes the table to standard output and
// runs/mnist/scaling.html.
import { writeFileSync, mkdirSync } from 'node:fs'
import { present } from '../../src/core/errors.js'
import {
  DataLoader,
  Device,
  evaluate,
  fit,
  htmlReport,
  MinMaxScaler,
  SGD,
  StandardScaler,
  Tensor,
  type Fields,
  type MetricsRecord,
} from '../../src/train.js'
import { pictureData } from '../../src/train/picture-data.js'
import { oneHidden } from './networks.js'

const STEPS = 600
const RATES = [0.001, 0.01, 0.1, 1]
const { train, test, source } = await pictureData('mnist')
const scalers = {
  'as they are, 0 … 255': undefined,
  'min-max to 0 … 1': await new MinMaxScaler('all').fit(bytesOf(), 'image'),
  'mean 0, deviation 1': await new StandardScaler('all').fit(bytesOf(), 'image'),
}

const history: MetricsRecord[] = []
const rows: string[] = []
for (const [name, scaler] of Object.entries(scalers)) {
  const change = ({ image, label }: Fields): Fields => {
    const raw = bytes(image)
    return { image: scaler ? scaler.transform(raw) : raw, label }
  }
  const cells: string[] = []
  for (const lr of RATES) {
    Device.current = await Device.create({ deterministic: true, seed: 1 })
    const model = oneHidden()
    const data = new DataLoader(train, { batchSize: 100, shuffle: true, seed: 1, transform: change })
    try {
      const result = await fit(model, data, {
        optimizer: new SGD(model.parameters(), { lr }),
        epochs: 1,
        maxSteps: STEPS,
        logEvery: 25,
      })
      const { accuracy } = await evaluate(model, new DataLoader(test, { batchSize: 500, transform: change }))
      cells.push(`${(100 * present(accuracy, 'accuracy')).toFixed(2)} %`)
      if (lr === 0.01)
        for (const record of result.history)
          history.push({ step: record.step, [`train/loss, ${name}`]: record['train/loss'] })
    } catch {
      // Numbers that are no longer finite end a run.
      cells.push('diverges')
    }
    Device.current.dispose()
  }
  rows.push(`| ${name} | ${cells.join(' | ')} |`)
}
console.log(
  [
    `| pictures | ${RATES.map((lr) => `lr ${lr}`).join(' | ')} |`,
    `|---|${RATES.map(() => '---').join('|')}|`,
    ...rows,
  ].join('\n'),
)
mkdirSync('runs/mnist', { recursive: true })
const title = 'Scaling of features: one hidden layer, SGD'
writeFileSync(
  'runs/mnist/scaling.html',
  await htmlReport({ title, settings: { data: source, steps: STEPS, batchSize: 100, lr: 0.01 }, history }),
)

/** Pixels as they stand in the files. */
function bytes(image: Fields[string]): Fields[string] {
  const { type, dims, data } = image
  return new Tensor(
    type,
    (data as Float32Array).map((value) => Math.round(255 * value)),
    dims,
  )
}

/** A tenth of the training part is enough to fit a scaler. */
function bytesOf() {
  return {
    length: train.length / 10,
    get: async (i: number): Promise<Fields> => ({ image: bytes((await train.get(i)).image) }),
  }
}
