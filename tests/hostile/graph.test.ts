import { describe, expect, test } from 'vitest'
import { InferenceSession, LanewiseError, Tensor, type ErrorCode } from '../../src/node.js'
import { AttributeType, type GraphProto } from '../../src/onnx/schema/onnx.js'
import {
  type Some,
  FLOAT,
  INT64,
  BOOL,
  value,
  node,
  body,
  int,
  call,
  local,
  model,
  refused,
  w,
  chosen,
  condition,
  chosenOf,
} from './graph-parts.js'

// The section "Graph" of the hostile inputs: models that are well-formed protobuf and contradict themselves, or ask for
// too much.

/** What is wrong, the code, what the error names, and the model. */
const cases: readonly (readonly [string, ErrorCode, Partial<LanewiseError>, Uint8Array])[] = [
  [
    'a node that reads itself',
    'E_GRAPH',
    { node: 'n', op: 'Add' },
    model({ node: [node('Add', ['x', 'y'], ['y'], { name: 'n' })] }),
  ],
  [
    'a cycle of two',
    'E_GRAPH',
    { op: 'Add' },
    model({ node: [node('Add', ['x', 'b'], ['a']), node('Neg', ['a'], ['b']), node('Neg', ['a'], ['y'])] }),
  ],
  [
    'a cycle of 10,000',
    'E_GRAPH',
    { op: 'Neg' },
    model({
      node: [
        ...Array.from({ length: 10_000 }, (_, i) => node('Neg', [`v${(i + 9999) % 10_000}`], [`v${i}`])),
        node('Add', ['x', 'v0'], ['y']),
      ],
    }),
  ],
  [
    'a cycle through the branch of an If',
    'E_GRAPH',
    { op: 'If' },
    model({
      initializer: [condition],
      node: [node('If', ['c'], ['y'], { attribute: chosen(node('Neg', ['y'], ['t'])) })],
    }),
  ],
  [
    'a cycle inside a branch',
    'E_GRAPH',
    { op: 'Neg' },
    model({
      initializer: [condition],
      node: [node('If', ['c'], ['y'], { attribute: chosen(node('Neg', ['s'], ['t']), node('Neg', ['t'], ['s'])) })],
    }),
  ],

  [
    'two outputs of one name',
    'E_GRAPH',
    { tensor: 'y' },
    model({ node: [node('Neg', ['x'], ['y']), node('Abs', ['x'], ['y'])] }),
  ],
  [
    'one node with two outputs of one name',
    'E_GRAPH',
    { tensor: 'y' },
    model({ node: [node('TopK', ['x', 'w'], ['y', 'y'])], initializer: [w] }),
  ],
  [
    'an output called like an input',
    'E_GRAPH',
    { tensor: 'x' },
    model({ node: [node('Neg', ['x'], ['x']), node('Neg', ['x'], ['y'])] }),
  ],
  [
    'an output called like an initializer',
    'E_GRAPH',
    { tensor: 'w' },
    model({ initializer: [w], node: [node('Neg', ['x'], ['w']), node('Neg', ['x'], ['y'])] }),
  ],
  [
    'an input declared twice',
    'E_GRAPH',
    { tensor: 'x' },
    model({ input: [value('x'), value('x')], node: [node('Neg', ['x'], ['y'])] }),
  ],
  [
    'two initializers of one name',
    'E_GRAPH',
    { tensor: 'w' },
    model({ initializer: [w, w], node: [node('Add', ['x', 'w'], ['y'])] }),
  ],
  [
    'two outputs of one name in a branch',
    'E_GRAPH',
    { tensor: 't' },
    model({
      initializer: [condition],
      node: [node('If', ['c'], ['y'], { attribute: chosen(node('Neg', ['x'], ['t']), node('Abs', ['x'], ['t'])) })],
    }),
  ],

  [
    'an input that nobody makes',
    'E_GRAPH',
    { op: 'Neg', node: 'n', tensor: 'z' },
    model({ node: [node('Neg', ['z'], ['y'], { name: 'n' })] }),
  ],
  [
    'an input that only a branch makes',
    'E_GRAPH',
    { tensor: 't' },
    model({
      initializer: [condition],
      node: [node('If', ['c'], ['u'], { attribute: chosen(node('Neg', ['x'], ['t'])) }), node('Neg', ['t'], ['y'])],
    }),
  ],
  ['an output that nobody makes', 'E_GRAPH', { tensor: 'y' }, model({ node: [node('Neg', ['x'], ['z'])] })],
  [
    'an output of a branch that nobody makes',
    'E_GRAPH',
    { tensor: 't' },
    model({
      initializer: [condition],
      node: [node('If', ['c'], ['y'], { attribute: chosen(node('Neg', ['x'], ['s'])) })],
    }),
  ],
  [
    'a required input left empty',
    'E_GRAPH',
    { op: 'Add', node: 'y' },
    model({ node: [node('Add', ['x', ''], ['y'])] }),
  ],
  ['too few inputs', 'E_GRAPH', { op: 'Add' }, model({ node: [node('Add', ['x'], ['y'])] })],
  ['too many inputs', 'E_GRAPH', { op: 'Neg' }, model({ node: [node('Neg', ['x', 'x'], ['y'])] })],
  [
    'an input without a name',
    'E_GRAPH',
    { tensor: '' },
    model({ input: [value('x'), value('')], node: [node('Neg', ['x'], ['y'])] }),
  ],
  [
    'an output without a name',
    'E_GRAPH',
    { tensor: '' },
    model({ output: [value('')], node: [node('Neg', ['x'], ['y'])] }),
  ],
  [
    'an initializer without a name',
    'E_GRAPH',
    { tensor: '' },
    model({ initializer: [{ ...w, name: '' }], node: [node('Neg', ['x'], ['y'])] }),
  ],

  [
    'an attribute of the wrong type',
    'E_GRAPH',
    { op: 'Softmax', node: 'y', expected: 'int', actual: 'float' },
    model({
      node: [node('Softmax', ['x'], ['y'], { attribute: [{ name: 'axis', type: AttributeType.FLOAT, f: 1 }] })],
    }),
  ],
  [
    'an attribute whose value is not of its type',
    'E_GRAPH',
    { op: 'ConstantOfShape' },
    model({
      node: [
        node('ConstantOfShape', ['x'], ['y'], { attribute: [{ name: 'value', type: AttributeType.TENSOR, i: 1n }] }),
      ],
    }),
  ],
  [
    'a body that is no graph',
    'E_GRAPH',
    { op: 'If' },
    model({
      initializer: [condition],
      node: [node('If', ['c'], ['y'], { attribute: [int('then_branch', 1n), int('else_branch', 1n)] })],
    }),
  ],
  ['a body that is left out', 'E_GRAPH', { op: 'Loop' }, model({ node: [node('Loop', ['', '', 'x'], ['y'])] })],
  [
    'an attribute given twice',
    'E_GRAPH',
    { op: 'Softmax' },
    model({ node: [node('Softmax', ['x'], ['y'], { attribute: [int('axis', 0n), int('axis', 0n)] })] }),
  ],
  [
    'an attribute that nobody knows',
    'E_UNSUPPORTED',
    { op: 'Softmax' },
    model({ node: [node('Softmax', ['x'], ['y'], { attribute: [int('axes', 0n)] })] }),
  ],
  [
    'an attribute __proto__',
    'E_UNSUPPORTED',
    { op: 'Softmax' },
    model({ node: [node('Softmax', ['x'], ['y'], { attribute: [int('__proto__', 0n)] })] }),
  ],
  [
    'an attribute constructor',
    'E_UNSUPPORTED',
    { op: 'Softmax' },
    model({ node: [node('Softmax', ['x'], ['y'], { attribute: [int('constructor', 0n)] })] }),
  ],
  [
    'an attribute of no type',
    'E_GRAPH',
    { op: 'Softmax' },
    model({ node: [node('Softmax', ['x'], ['y'], { attribute: [{ name: 'axis', type: 99 }] })] }),
  ],

  ['no operator sets', 'E_GRAPH', {}, model({ node: [node('Neg', ['x'], ['y'])] }, { opsetImport: [] })],
  [
    'no operator set for ai.onnx',
    'E_GRAPH',
    { op: 'Neg' },
    model({ node: [node('Neg', ['x'], ['y'])] }, { opsetImport: [{ domain: 'local', version: 1 }] }),
  ],
  [
    'operator set 0',
    'E_GRAPH',
    { opset: 0 },
    model({ node: [node('Neg', ['x'], ['y'])] }, { opsetImport: [{ version: 0 }] }),
  ],
  [
    'operator set -1',
    'E_GRAPH',
    { opset: -1 },
    model({ node: [node('Neg', ['x'], ['y'])] }, { opsetImport: [{ version: -1 }] }),
  ],
  [
    'operator set 1000',
    'E_UNSUPPORTED',
    { opset: 1000 },
    model({ node: [node('Neg', ['x'], ['y'])] }, { opsetImport: [{ version: 1000 }] }),
  ],
  [
    'operator set 2^53 - 1',
    'E_UNSUPPORTED',
    {},
    model({ node: [node('Neg', ['x'], ['y'])] }, { opsetImport: [{ version: 2 ** 53 - 1 }] }),
  ],

  ['an operator __proto__', 'E_UNSUPPORTED', { op: '__proto__' }, model({ node: [node('__proto__', ['x'], ['y'])] })],
  [
    'an operator constructor',
    'E_UNSUPPORTED',
    { op: 'constructor' },
    model({ node: [node('constructor', ['x'], ['y'])] }),
  ],
  ['an operator without a name', 'E_UNSUPPORTED', {}, model({ node: [node('', ['x'], ['y'])] })],
  [
    'a domain __proto__',
    'E_UNSUPPORTED',
    { op: '__proto__.Neg' },
    model(
      { node: [node('Neg', ['x'], ['y'], { domain: '__proto__' })] },
      { opsetImport: [{ version: 21 }, { domain: '__proto__', version: 1 }] },
    ),
  ],
  [
    'a known operator of another domain',
    'E_UNSUPPORTED',
    { op: 'elsewhere.Neg' },
    model({ node: [node('Neg', ['x'], ['y'], { domain: 'elsewhere' })] }),
  ],

  [
    'a function that calls itself',
    'E_GRAPH',
    { op: 'F' },
    model({ node: [call('F', ['x'], ['y'])] }, { functions: [local('F', [call('F', ['a'], ['b'])])] }),
  ],
  [
    'functions that call each other',
    'E_GRAPH',
    {},
    model(
      { node: [call('F', ['x'], ['y'])] },
      { functions: [local('F', [call('G', ['a'], ['b'])]), local('G', [call('F', ['a'], ['b'])])] },
    ),
  ],
  [
    'a function that calls itself in an If',
    'E_GRAPH',
    { op: 'F' },
    model(
      { initializer: [condition], node: [call('F', ['x', 'c'], ['y'])] },
      {
        functions: [
          local(
            'F',
            [
              node('If', ['k'], ['b'], {
                attribute: [
                  body('then_branch', { output: [value('t')], node: [call('F', ['a', 'k'], ['t'])] }),
                  body('else_branch', { output: [value('e')], node: [node('Neg', ['a'], ['e'])] }),
                ],
              }),
            ],
            { input: ['a', 'k'] },
          ),
        ],
      },
    ),
  ],
  [
    'a function that calls itself in a Loop',
    'E_GRAPH',
    { op: 'F' },
    model(
      { node: [call('F', ['x'], ['y'])] },
      {
        functions: [
          local('F', [
            node('Loop', ['', '', 'a'], ['b'], {
              attribute: [
                body('body', {
                  input: [value('i', INT64, []), value('go', BOOL, []), value('s')],
                  output: [value('on', BOOL, []), value('t')],
                  node: [node('Identity', ['go'], ['on']), call('F', ['s'], ['t'])],
                }),
              ],
            }),
          ]),
        ],
      },
    ),
  ],
  [
    'functions that call each other through branches of branches',
    'E_GRAPH',
    {},
    model(
      { initializer: [condition], node: [call('F', ['x', 'c'], ['y'])] },
      {
        functions: ['F', 'G'].map((name, i, names) =>
          local(
            name,
            [
              node('If', ['k'], ['b'], {
                attribute: chosenOf(
                  'a',
                  node('If', ['k'], ['t'], { attribute: chosenOf('a', call(names[1 - i], ['a', 'k'], ['t'])) }),
                ),
              }),
            ],
            { input: ['a', 'k'] },
          ),
        ),
      },
    ),
  ],
  [
    '2^40 nodes by functions that call twice',
    'E_GRAPH',
    {},
    model(
      { node: [call('F40', ['x'], ['y'])] },
      {
        functions: Array.from({ length: 41 }, (_, i) =>
          local(
            `F${i}`,
            i === 0 ? [node('Neg', ['a'], ['b'])] : [call(`F${i - 1}`, ['a'], ['m']), call(`F${i - 1}`, ['m'], ['b'])],
          ),
        ),
      },
    ),
  ],
  [
    '2^40 nodes by functions that call twice in branches',
    'E_GRAPH',
    {},
    model(
      { initializer: [condition], node: [call('F40', ['x', 'c'], ['y'])] },
      {
        functions: Array.from({ length: 41 }, (_, i) => {
          const inner = i === 0 ? node('Neg', ['a'], ['t']) : call(`F${i - 1}`, ['a', 'k'], ['t'])
          const other = i === 0 ? node('Abs', ['a'], ['e']) : call(`F${i - 1}`, ['a', 'k'], ['e'])
          const branches = [
            body('then_branch', { output: [value('t')], node: [inner] }),
            body('else_branch', { output: [value('e')], node: [other] }),
          ]
          return local(`F${i}`, [node('If', ['k'], ['b'], { attribute: branches })], { input: ['a', 'k'] })
        }),
      },
    ),
  ],
  [
    'functions nested 10,000 deep',
    'E_GRAPH',
    {},
    model(
      { node: [call('F9999', ['x'], ['y'])] },
      {
        functions: Array.from({ length: 10_000 }, (_, i) =>
          local(`F${i}`, [i === 0 ? node('Neg', ['a'], ['b']) : call(`F${i - 1}`, ['a'], ['b'])]),
        ),
      },
    ),
  ],
]

describe('refused', () => {
  test.each(cases)('%s', async (_, code, details, file) => {
    expect(await refused(code, file)).toMatchObject(details)
  })

  test('a branch with too few outputs, as soon as it is sure to run', async () => {
    const file = model({
      initializer: [condition],
      output: [value('y'), value('z')],
      node: [node('If', ['c'], ['y', 'z'], { attribute: chosen(node('Neg', ['x'], ['t'])) })],
    })
    expect(await refused('E_GRAPH', file)).toMatchObject({ op: 'If' })
  })

  test('unknown operators, all at once, in functions and bodies too', async () => {
    const file = model(
      {
        initializer: [condition],
        node: [
          ...Array.from({ length: 7 }, (_, i) => node('Wobble', ['x'], [`w${i}`], { name: `wobble ${i}` })),
          node('Neg', ['x'], ['n'], { domain: 'nowhere' }),
          node('If', ['c'], ['u'], { attribute: chosen(node('Wibble', ['x'], ['t'])) }),
          call('F', ['x'], ['y']),
        ],
      },
      { functions: [local('F', [node('Wabble', ['a'], ['b'])])] },
    )
    const error = await refused('E_UNSUPPORTED', file)
    expect(error.message).toMatch(
      /Wobble \("wobble 0", .*"wobble 4" and 2 more\); nowhere\.Neg \("n"\); Wabble \(".*"\); Wibble \("t"\)/,
    )
    expect(error.op).toBe('Wobble, nowhere.Neg, Wabble, Wibble')
  })
})

describe('names that are something to JavaScript', () => {
  const names = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'then']

  test.each(names)(
    '%s as input, output, value, initializer, function, attribute reference, domain and size',
    async (name) => {
      const file = model(
        {
          input: [
            { name, type: { tensorType: { elemType: FLOAT, shape: { dim: [{ dimParam: name }] } } } },
          ] as Some<GraphProto>['input'],
          output: [value(`${name} out`), value(`out ${name}`)],
          node: [
            node('Add', [name, `${name}w`], [`${name}sum`], { name }),
            node(name, [`${name}sum`], [`${name} out`], {
              domain: name,
              attribute: [{ name, type: AttributeType.FLOAT, f: 0.5 }],
            }),
            node(name, [`${name}sum`], [`out ${name}`], { domain: name }),
          ],
          initializer: [{ ...w, name: `${name}w` }],
        },
        {
          opsetImport: [{ version: 21 }, { domain: name, version: 1 }],
          metadataProps: [{ key: name, value: name }],
          functions: [
            {
              name,
              domain: name,
              input: [name],
              output: ['b'],
              attribute: [name],
              opsetImport: [{ version: 21 }],
              node: [
                node('LeakyRelu', [name], ['b'], {
                  attribute: [{ name: 'alpha', type: AttributeType.FLOAT, refAttrName: name }],
                }),
              ],
            },
          ],
        },
      )
      await using session = await InferenceSession.create(file, {
        freeDimensionOverrides: JSON.parse(`{ "${name}": 2 }`) as Record<string, number>,
      })
      expect(session.inputNames).toEqual([name])
      const feeds = JSON.parse(`{ "${name}": 0 }`) as Record<string, unknown>
      Object.defineProperty(feeds, name, { value: new Tensor('float32', [-5, 6], [2]), enumerable: true })
      const results = await session.run(feeds as never)
      expect(Object.keys(results)).toEqual([`${name} out`, `out ${name}`])
      expect([...results[`${name} out`].data]).toEqual([-2, 8])
      expect([...results[`out ${name}`].data]).toEqual([-4 * Math.fround(0.01), 8].map(Math.fround))
      const fetched = await session.run(feeds as never, [name, `${name}sum`])
      expect(Object.entries(fetched).map(([key, { data }]) => [key, [...data]])).toEqual([
        [name, [-5, 6]],
        [`${name}sum`, [-4, 8]],
      ])
      // What every object has is no feed.
      await expect(session.run({})).rejects.toMatchObject({ code: 'E_TENSOR', tensor: name })
    },
  )
})
