import { checkArguments } from '../core/arguments.js'
import { present } from '../core/errors.js'
import { byteSize, type DType } from '../core/dtype.js'
import type { Trace } from '../autograd/tape.js'
import { Variable } from '../autograd/variable.js'
import { costOf } from '../plan/cost.js'
import { hostZeros } from '../core/host.js'
import type { Shape } from '../core/shape.js'
import { summaryLines, type SummaryRow } from './arithmetic.js'
import { describeLayer } from './expect.js'
import { observed, type Applied, type Layer, type Module } from './module.js'

/**
 * What a model is made of, as a table: for each layer the shape of its output, its parameters, connections (inputs of
 * all its outputs together), multiply-adds and the memory of its output, all for one example.
 *
 * @param inputShape - of one example: [1, 28, 28].
 * @example
 * import { Conv2d, Device, Flatten, Linear, Sequential, summary } from 'lanewise/train'
 *
 * await Device.create()
 * const model = new Sequential(new Conv2d(1, 8, 3), new Flatten(), new Linear(8 * 26 * 26, 10))
 * console.log(summary(model, [1, 28, 28]))
 */
export function summary(model: Module, inputShape: Shape, dtype: DType = 'float32'): string {
  checkArguments('summary', { model, inputShape, dtype }, 'module', 'numbers', 'string?')

  return summaryLines(summaryRows(model, inputShape, dtype)).join('\n')
}

/**
 * The rows of {@link summary}: a layer is a module with no other inside. A module that is applied twice has two rows,
 * the second without parameters.
 */
export function summaryRows(model: Module, inputShape: Shape, dtype: DType = 'float32'): SummaryRow[] {
  checkArguments('summaryRows', { model, inputShape, dtype }, 'module', 'numbers', 'string?')

  const { device } = model
  const modes = [...model.modules()].map((inner) => [inner, inner.training] as const)
  const names = new Map([...model.namedModules()].map(([name, module]) => [module, name]))
  const counted = new Set<Variable>()
  const rows: SummaryRow[] = []
  model.eval()
  try {
    device.step(() =>
      device.noGrad(() => {
        let seen = 0
        const add = (trace: readonly Trace[], { module, result }: Applied) => {
          // What was applied since the last layer was done is this layer's.
          const own = trace.slice(seen)
          seen = trace.length
          const output = Array.isArray(result) ? (result as unknown[])[0] : result
          const fresh = module.parameters().filter((parameter) => !counted.has(parameter))
          for (const parameter of fresh) counted.add(parameter)
          rows.push({
            name: names.get(module) || '(model)',
            layer: describeLayer(module),
            output: output instanceof Variable ? output.shape.slice(1) : [],
            parameters: fresh.reduce((sum, parameter) => sum + parameter.size, 0),
            connections: own.reduce((sum, applied) => sum + connectionsOf(applied).connections, 0),
            macs: own.reduce((sum, applied) => sum + connectionsOf(applied).macs, 0),
            activationBytes: output instanceof Variable ? output.size * byteSize(output.dtype) : 0,
          })
        }
        device.traced(() => {
          const trace = present(device.trace, 'trace')
          observed(
            (applied) => {
              if ([...applied.module.modules()].length === 1 || (applied.depth === 0 && trace.length > seen))
                add(trace, applied)
            },
            () => (model as Layer).call(device.tensor(hostZeros(dtype, [1, ...inputShape]))),
          )
        })
      }),
    )
  } finally {
    for (const [inner, training] of modes) inner.training = training
  }
  return rows
}

/** A convolution's or product's outputs are connected by a multiplication each, a pooling's by an operation each. */
function connectionsOf({ op, attributes, inputs, outputs }: Trace): {
  readonly macs: number
  readonly connections: number
} {
  const { macs, flops } = costOf(
    { op, attributes },
    inputs.map((input) => input?.shape),
    outputs.map((output) => output?.shape),
  )
  return { macs, connections: macs || (/Pool$/.test(op.name) ? flops : 0) }
}
