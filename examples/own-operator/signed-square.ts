import { GraphBuilder } from 'lanewise'
import { codes, defineOp, float, follow, registerOp } from 'lanewise/ops'

/** y = scale · x · |x|, computed by kernels; its gradient is 2 · scale · |x|. */
export const SignedSquare = registerOp(
  defineOp({
    name: 'SignedSquare',
    domain: 'com.example',
    arity: 1,
    attributes: { scale: float(1) },
    infer: ({ inputs: [x] }) => [x],
    layout: follow,
    emit(e) {
      const [x, y] = [e.input(0), e.output(0)]
      e.call('unary_f32', codes.UNARY_ABS, x.at, y.at, x.size, 0, 0)
      e.call('binary_f32', codes.BINARY_MUL, y.at, 1, x.at, 1, y.at, x.size)
      e.call('binary_f32', codes.BINARY_MUL, y.at, 1, e.table(Float32Array.of(e.attributes.scale)), 0, y.at, x.size)
    },
    gradient: {
      backward(g) {
        const [x, dy] = [g.input(0), g.gradient()]
        if (!g.wants(0)) return
        const dx = g.result(0)
        const twice = g.table(Float32Array.of(2 * g.attributes.scale))
        g.call('unary_f32', codes.UNARY_ABS, x.at, dx.at, x.size, 0, 0)
        g.call('binary_f32', codes.BINARY_MUL, dx.at, 1, dy.at, 1, dx.at, x.size)
        g.call('binary_f32', codes.BINARY_MUL, dx.at, 1, twice, 0, dx.at, x.size)
      },
    },
    body({ scale }) {
      const b = new GraphBuilder('SignedSquare')
      const x = b.input('x', 'float32')
      const times = b.op('Constant', [], { value_float: scale })
      b.output(b.op('Mul', [b.op('Mul', [x, b.op('Abs', [x])]), times]), 'y')
      return b.graph()
    },
  }),
)
