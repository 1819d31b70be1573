// The script of the page that `lanewise profile --html` writes: scripts/build-js.ts makes one file of it,
// src/cli/profile-html.ts puts that into the page.
import { parseProfile, type RunProfile } from '../inspect/profile-file.js'
import { h } from './dom.js'
import profileStyle from './profile.css'
import { showProfiles } from './profile/view.js'
import theme from './theme.css'

const page = 'body { max-width: 76rem; margin: 0 auto; padding: 1.2rem 1rem 3rem }'
document.head.append(h('style', {}, theme, profileStyle, page))
const place = h('main')
document.body.append(place)
const profiles = JSON.parse(document.getElementById('profiles')?.textContent ?? '[]') as RunProfile[]
showProfiles(place, profiles, { read: async (file) => parseProfile(await file.text(), file.name) })
