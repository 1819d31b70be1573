import { h } from '../../src/view/dom.js'

/** A place to drop a file on, with a button to choose one. */
export function dropZone(what: string, accept: string, take: (file: File) => void): HTMLElement {
  const id = `file-${++ids}`
  const input = h('input', { type: 'file', accept, id, class: 'hidden' })
  input.addEventListener('change', () => {
    const file = input.files?.[0]
    if (file) take(file)
    // The same file again is a change, too.
    input.value = ''
  })
  const zone = h(
    'div',
    { class: 'drop' },
    input,
    h('label', { for: id, class: 'button' }, `Choose ${what}`),
    ' or drop it here',
  )
  const over = (on: boolean) => (event: DragEvent) => {
    event.preventDefault()
    zone.classList.toggle('over', on)
  }
  zone.addEventListener('dragover', over(true))
  zone.addEventListener('dragleave', over(false))
  zone.addEventListener('drop', (event) => {
    over(false)(event)
    const file = event.dataTransfer?.files[0]
    if (file) take(file)
  })
  return zone
}

let ids = 0

/** Offers bytes as a file. */
export function download(name: string, bytes: Uint8Array<ArrayBuffer>): void {
  const url = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }))
  h('a', { href: url, download: name }).click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

/** A file that belongs to the page. @throws Error naming it if it cannot be had. */
export async function fetched(url: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url}: HTTP ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}
