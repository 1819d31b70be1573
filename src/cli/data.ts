import { present } from '../core/errors.js'
import { join } from 'node:path'
import { generateDigits } from '../data/digits.js'
import { encodeIdx } from '../data/formats/idx.js'
import type { ImageSet } from '../data/image-set.js'
import { loadMnistPart, mnistFile, mnistSets, type MnistName, type MnistPart } from '../data/mnist.js'
import { makeFolder, writeAtomically } from '../platform/node-files.js'
import { bytesText } from '../core/table.js'
import { choiceFlag, listFlag, numberFlag, textFlag, UsageError, type Command } from './command.js'
import { numbersData } from './numbers/data.js'

const SETS = Object.keys(mnistSets) as MnistName[]

export const data: Command = {
  name: 'data',
  summary:
    'fetches MNIST and sets of its form, or draws a set of digits, and checks what it gets; packs and describes house numbers',
  usage: `${SETS.join('|')}|svhn [--from FOLDER|URL] [--to FOLDER] [options]`,
  flags: {
    from: {
      type: 'string',
      multiple: true,
      value: 'FOLDER|URL',
      help: 'where the IDX files are, plain or gzip (not for digits); svhn: archives of format 1 or folders with labels.csv, several times',
    },
    report: { type: 'boolean', help: 'svhn: write a page about the set' },
    'report-to': { type: 'string', value: 'FILE', help: 'svhn: where the page shall be (default numbers.html)' },
    side: { type: 'string', value: 'N', help: 'svhn: width and height of the crops in pixels (default 48)' },
    'drop-duplicates': { type: 'boolean', help: 'svhn: leave out pictures that are nearly like an earlier one' },
    to: {
      type: 'string',
      value: 'FOLDER',
      help: 'where they shall be (default data/NAME); svhn: the cache file to write',
    },
    part: { type: 'string', value: 'train|test', help: 'only this part' },
    train: { type: 'string', value: 'N', help: 'digits: how many for training (default 60000)' },
    test: { type: 'string', value: 'N', help: 'digits: how many for testing (default 10000)' },
    seed: { type: 'string', value: 'N', help: 'digits: another seed draws others (default 1)' },
  },

  async run(invocation) {
    const { positionals, flags, print, result } = invocation
    const [name] = positionals
    if (name === 'svhn') return numbersData(invocation)
    const set = SETS.find((known) => known === name)
    if (positionals.length !== 1 || !set)
      throw new UsageError(
        `one of ${SETS.join(', ')} is needed, got ${positionals.map((word) => `"${word}"`).join(' ') || 'nothing'}`,
      )
    const part = choiceFlag(flags, 'part', ['train', 'test'])
    const froms = listFlag(flags, 'from')
    if (froms.length > 1) throw new UsageError('one --from is enough for this set')
    const from = froms.at(0)
    if (set === 'digits' && from !== undefined) throw new UsageError('digits are drawn: they come from nowhere')
    if (set !== 'digits' && from === undefined)
      throw new UsageError(
        `--from is missing: the folder or URL that has ${mnistFile(part ?? 'train', 'images')}.gz (or draw a set of digits with "lanewise data digits")`,
      )
    const seed = numberFlag(flags, 'seed', { whole: true }) ?? 1
    const counts = {
      train: numberFlag(flags, 'train', { least: 1, whole: true }) ?? 60_000,
      test: numberFlag(flags, 'test', { least: 1, whole: true }) ?? 10_000,
    }
    const folder = textFlag(flags, 'to') ?? join('data', set)
    const wanted: readonly MnistPart[] = part ? [part] : ['train', 'test']

    // All is checked before anything is written.
    const parts: [MnistPart, ImageSet][] = []
    for (const which of wanted) {
      // Two seeds of one: the parts of a seed have nothing in common with each other or with those of another.
      parts.push([
        which,
        set === 'digits'
          ? generateDigits(counts[which], 2 * seed + (which === 'train' ? 0 : 1))
          : await loadMnistPart(present(from, 'folder'), which, set),
      ])
    }
    makeFolder(folder)
    const files: { path: string; bytes: number; examples: number }[] = []
    for (const [which, { images, labels, length }] of parts) {
      for (const [what, tensor] of [
        ['images', images],
        ['labels', labels],
      ] as const) {
        const path = join(folder, mnistFile(which, what))
        const bytes = encodeIdx(tensor)
        writeAtomically(path, [bytes])
        files.push({ path, bytes: bytes.length, examples: length })
        print(`${path}  ${length} ${what}, ${bytesText(bytes.length)}`)
      }
    }
    result({ set, folder, files })
  },
}
