// The page: static files that work from any folder of any server. `npm run site` runs this; the tests build it into a
// folder of their own.
import { dirname } from 'node:path'
import { defineConfig, type Plugin } from 'vite'
import { RELAXED_PROBE } from '../bindings/module.js'
import { browserTwin, mayHaveTwin } from '../scripts/bundle/twins.js'

/** The page is made of the sources: what reaches for Node is replaced as in dist/. */
const twins = (): Plugin => ({
  name: 'browser-twins',
  enforce: 'pre',
  resolveId: (source, importer) =>
    importer && mayHaveTwin.test(source) ? browserTwin(source, dirname(importer)) : undefined,
})

/**
 * The first view runs after one round trip: kernels and model are fetched beside the script that uses them. Which build
 * of the kernels an engine runs only the engine knows, so a line of script asks it.
 */
const fetchedFirst = (): Plugin => ({
  name: 'fetched-first',
  transformIndexHtml: {
    order: 'post',
    handler(_, { bundle }) {
      if (!bundle) return []
      // Workers have chunks of the same names, which are assets here.
      const named = (stem: string, type = 'asset') => {
        const file = Object.keys(bundle).find((name) => name.includes(`/${stem}-`) && bundle[name].type === type)
        if (file === undefined) throw new Error(`there is no ${stem} in the bundle`)
        return `./${file}`
      }
      const [simd, relaxed, model] = ['inference-simd', 'inference-relaxed', 'small'].map((stem) => named(stem))
      // What a model with free sizes asks for at its first run.
      const variations = named('variations', 'chunk')
      const children = `if (/^(#.?draw)?$/.test(location.hash))
  for (const href of [WebAssembly.validate(new Uint8Array([${RELAXED_PROBE.join()}])) ? '${relaxed}' : '${simd}', '${model}'])
    document.head.append(Object.assign(document.createElement('link'), { rel: 'preload', as: 'fetch', crossOrigin: 'anonymous', href }))`
      return [
        { tag: 'script', children, injectTo: 'head-prepend' },
        { tag: 'link', attrs: { rel: 'modulepreload', crossorigin: true, href: variations }, injectTo: 'head' },
      ]
    },
  },
})

export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [twins(), fetchedFirst()],
  worker: { format: 'es', plugins: () => [twins()] },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // Beside these, the guides have a folder of this name.
    assetsDir: 'page',
    chunkSizeWarningLimit: 1000,
  },
})
