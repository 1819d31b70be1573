import { InferenceSession } from '../../../src/browser.js'
import { measureDevice } from '../../../src/inspect/peaks.js'
import { parseProfile, type RunProfile } from '../../../src/inspect/profile-file.js'
import { profileRun } from '../../../src/inspect/run-profile.js'
import { h } from '../../../src/view/dom.js'
import { showProfiles } from '../../../src/view/profile/view.js'
import { engineName } from '../engine.js'
import { dropZone, fetched } from '../files.js'
import { randomFeeds } from '../random-feeds.js'
import numbers from '../../../models/house-numbers/reader-best.onnx?url'

const REPEAT = 10

/** A profile: of a model that is run here with passes and without, or of files that `lanewise profile --json` wrote. */
export function profile(place: HTMLElement): () => void {
  const view = h('div', {})
  const status = h('p', { class: 'facts', role: 'status' })
  let live = true
  const read = async (file: File) => parseProfile(await file.text(), file.name)
  const show = (profiles: readonly RunProfile[]) => {
    if (!live) return
    status.textContent = ''
    showProfiles(view, profiles, { read })
  }
  const failed = (error: Error) => {
    status.replaceChildren(h('span', { class: 'problem' }, error.message))
  }
  const measured = async (name: string, bytes: Uint8Array<ArrayBuffer>, passes: boolean) => {
    const session = await InferenceSession.create(bytes, { passes })
    try {
      const feeds = randomFeeds(session)
      const device = await measureDevice(session.build)
      const engine = `${engineName(session)}${passes ? '' : ', graph as it is written'}`
      return await profileRun(session, feeds, { model: name, engine, repeat: REPEAT, device })
    } finally {
      await session.release()
    }
  }
  const run = (name: string, bytes: Promise<Uint8Array<ArrayBuffer>>, both: boolean) => {
    status.textContent = 'Measuring this device, then the model …'
    const work = async () => {
      const data = await bytes
      const first = await measured(name, data, true)
      show(both ? [first, await measured(name, data, false)] : [first])
    }
    // What has been written is shown before the page is busy.
    requestAnimationFrame(() => setTimeout(() => void work().catch(failed)))
  }
  const take = (file: File) => {
    if (/\.json$/i.test(file.name)) void read(file).then((profile) => show([profile]), failed)
    else
      run(
        file.name,
        file.arrayBuffer().then((buffer) => new Uint8Array(buffer)),
        false,
      )
  }
  place.append(
    h('h1', {}, 'Where the time goes'),
    h(
      'p',
      { class: 'lead' },
      'A model is run again and again, and every node is timed: which kernel ran, how near it comes to what this device can do, and what lay in memory meanwhile. A second profile stands beside the first.',
    ),
    h(
      'section',
      { class: 'panel', 'aria-label': 'Choose a model or a profile' },
      dropZone('a model or a profile', '.onnx,.json', take),
      h(
        'div',
        { class: 'buttons' },
        'Or the reader of house numbers:',
        h(
          'button',
          { type: 'button', class: 'quiet', click: () => run('house-numbers', fetched(numbers), false) },
          'Profile it',
        ),
        h(
          'button',
          { type: 'button', class: 'quiet', click: () => run('house-numbers', fetched(numbers), true) },
          'With and without graph passes',
        ),
      ),
      h(
        'p',
        { class: 'facts' },
        'On the command line: ',
        h('code', {}, 'npx lanewise profile model.onnx --html page.html --threads 1,2'),
        ' writes this view as a file; ',
        h('code', {}, '--json > before.json'),
        ' what can be compared with later.',
      ),
      status,
    ),
    view,
  )
  return () => {
    live = false
  }
}
