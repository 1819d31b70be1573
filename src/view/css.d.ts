// The build puts style sheets into the profile page as text (scripts/build-js.ts); Vite takes them out of the site's
// modules.
declare module '*.css' {
  const text: string
  export default text
}
