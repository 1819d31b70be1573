import { decode } from 'fast-png'
import { describe, expect, test } from 'vitest'
import { optionalText } from '../../../src/platform/optional.js'
import { chartsOf, htmlReport, type TrainingReport } from '../../../src/train/report.js'
import { expectError, expectRejects } from '../../support/expect-error.js'

const report: TrainingReport = {
  title: 'MLP <on> "MNIST" </script>',
  settings: { 'learning rate': 0.1, seed: 1, build: 'simd' },
  history: [
    { step: 100, loss: 1.5, accuracy: 0.5, note: '</script><b>' },
    { step: 200, loss: NaN, accuracy: 0.75 },
    { step: 200, val_loss: 1.25 },
  ],
  classes: ['cat', 'd<o>g'],
  confusion: [
    [9, 1],
    [0, 30],
  ],
  samples: [
    {
      image: { width: 2, height: 3, channels: 1, data: Float32Array.of(0, 1, 0.5, -1, 2, 0.2) },
      label: 'cat',
      prediction: 'd<o>g',
      probabilities: [0.25, 0.75],
    },
    {
      image: { width: 1, height: 2, channels: 3, data: Float32Array.of(1, 0, 0.2, 0.4, 0, 1) },
      label: 'cat',
      prediction: 'cat',
      probabilities: [0.9, 0.1],
    },
  ],
}

describe('reports', () => {
  test('metrics of one kind share a chart', () => {
    expect(chartsOf(report.history)).toEqual([
      {
        title: 'loss',
        steps: [100, 200],
        lines: [
          { name: 'loss', values: [1.5, null] },
          { name: 'val_loss', values: [null, 1.25] },
        ],
      },
      { title: 'accuracy', steps: [100, 200], lines: [{ name: 'accuracy', values: [0.5, 0.75] }] },
    ])
  })

  test('everything is in the file, nothing is fetched', async () => {
    const html = await htmlReport(report)
    expect(html).toContain(optionalText('uplot/dist/uPlot.iife.min.js', 'a test'))
    expect(html.replace(/<script>.*?<\/script>/gs, '')).not.toMatch(/https?:/)
    expect(html).not.toMatch(/(src|href)="(?!data:)/)
    const data = JSON.parse(/<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)![1]) as unknown
    expect(data).toEqual(chartsOf(report.history))
    // What a name holds is text and nothing else.
    expect(html.match(/<\/script>/g)!.length).toBe(3)
    expect(html).toContain('<h1>MLP &#60;on&#62; &#34;MNIST&#34; &#60;/script&#62;</h1>')
    expect(html).not.toContain('d<o>g')
    expect(html).toContain('39 of 40 right: 97.5 %')
    expect(html).toContain('cat taken for d&#60;o&#62;g: 1')
    expect(html).toContain('<th>learning rate</th><td>0.1</td>')
  })

  test('pictures are PNG', async () => {
    const html = await htmlReport(report)
    const pictures = [...html.matchAll(/src="data:image\/png;base64,([^"]+)"/g)].map(([, base64]) =>
      decode(Buffer.from(base64, 'base64')),
    )
    expect(pictures.map(({ width, height, channels, data }) => [width, height, channels, ...data])).toEqual([
      [2, 3, 1, 0, 255, 128, 0, 255, 51],
      [1, 2, 3, 255, 51, 0, 0, 102, 255],
    ])
    expect(html).toContain('<small>is cat</small>')
    expect(html).toContain('75.00 %')
  })

  test('a report may be as small as its settings', async () => {
    const html = await htmlReport({ title: 'run', settings: {}, history: [] })
    expect(html).not.toContain('<h2>Curves')
    expect(html).not.toContain('<h2>Confusion')
  })

  test('what does not fit is refused', async () => {
    await expectRejects('E_SHAPE', () => htmlReport({ ...report, confusion: [[1, 2]] }))
    await expectRejects('E_SHAPE', () =>
      htmlReport({ ...report, samples: [{ ...report.samples![0], probabilities: [1] }] }),
    )
    await expectRejects('E_SHAPE', () =>
      htmlReport({
        ...report,
        samples: [{ ...report.samples![0], image: { width: 2, height: 2, channels: 1, data: new Float32Array(3) } }],
      }),
    )
    expectError(
      'E_UNSUPPORTED',
      () => optionalText('@nobody/nothing/file.js', 'a test'),
      /a test needs the package @nobody\/nothing, .*npm i @nobody\/nothing/,
    )
  })
})
