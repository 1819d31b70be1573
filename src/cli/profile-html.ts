import { escapeHtml } from '../core/html.js'
import { readFile } from 'node:fs/promises'
import { LanewiseError } from '../core/errors.js'
import { profilePageFile } from './profile-page-file.js'
import type { RunProfile } from '../inspect/profile-file.js'

/**
 * A page that needs nothing else: the runs, and the script that shows them (src/view).
 *
 * @throws LanewiseError `E_STATE` if the script is not where the build puts it.
 */
export async function profileHtml(profiles: readonly RunProfile[]): Promise<string> {
  const file = profilePageFile()
  const script = await readFile(file, 'utf8').catch((cause: Error) => {
    throw new LanewiseError('E_STATE', `the script of the page is not at ${file.href}: ${cause.message}`, { cause })
  })
  const title = profiles.map(({ model }) => model).join(', ')
  // Nothing that a model's names hold may end the element that holds them.
  const data = JSON.stringify(profiles).replaceAll('<', '\\u003c')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
</head>
<body>
<script type="application/json" id="profiles">${data}</script>
<script>${script.replaceAll('</script', '<\\/script')}</script>
</body>
</html>
`
}
