/** The script of the profile page, as the build leaves it. The build rewrites the URL for dist/. */
export function profilePageFile(): URL {
  return new URL('../../dist/profile-page.js', import.meta.url)
}
