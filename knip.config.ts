import type { KnipConfig } from 'knip'

/** What `npm run lint` calls alive: whatever is reached from the entries of the package, its scripts, recipes, examples or tests. */
const config: KnipConfig = {
  workspaces: {
    '.': {
      entry: [
        // scripts/build-js.ts puts train-browser in the place of train-node, all-ops-required in that of all-ops-now, no-folder-log in that of folder-log, and
        // browser-thread in that of browser-threads.
        'src/{node,browser,command,train,train-browser,train-functional,own-ops,all-ops,generate,quantize,serve,serve-thread,session-worker,session-worker-node,inline,inline-node}.ts',
        'src/api/all-ops-required.ts',
        // A file of its own in dist/: what shows profiles.
        'src/view/profile-page.ts',
        'src/train/no-folder-log.ts',
        'src/platform/browser-thread.ts',
        // Types of a file that oxlint loads, for tests and scripts that import it.
        'oxlint.rooms.d.ts',
        'scripts/*.ts',
        'models/**/*.ts',
        'tests/**/*.test.ts',
        // What vitest.config.ts names only under npm run test:kernels.
        'tests/support/set-up/one-target.ts',
      ],
      project: ['*.{js,ts}', '{src,scripts,models,tests,bindings}/**/*.ts'],
      ignoreDependencies: [
        // Its compiler is run by the path of its file.
        'assemblyscript',
        // Read as files: the letters of generated house numbers.
        /^@fontsource\//,
        // Comes with onnxruntime-web, whose tensors a test hands to a session.
        'onnxruntime-common',
      ],
      // Tests of files that never end make pipes with one, tests of queues start the other.
      ignoreBinaries: ['mkfifo', 'redis-server'],
    },
    bench: {
      // Processes that main.ts starts by the path of their file.
      entry: ['*.ts', '{generate,train,variants,serve,score,threads}/{run,sweep,process,server,thread,thread-file}.ts'],
      project: ['**/*.ts'],
      // Imported by a name in a variable, for not every machine has them: process.ts.
      ignoreDependencies: ['autocannon', 'onnxruntime-node', '@jax-js/jax', '@tensorflow/*', 'node'],
    },
    // What site/index.html names knip sees itself; tests find these two by the path of their files.
    site: {
      entry: ['src/**/*.worker.ts'],
      project: ['**/*.ts'],
      ignoreDependencies: ['axe-core', 'puppeteer-core'],
    },
    'examples/*': { entry: ['**/*.{ts,js}'], project: ['**/*.{ts,js}'] },
    // Commands there, and not installed here.
    'examples/cloudflare-worker': { entry: ['*.js'], ignoreDependencies: ['wrangler'], ignoreBinaries: ['wrangler'] },
    'examples/next-app': {
      entry: ['**/*.js'],
      ignoreDependencies: ['next', 'react', 'react-dom'],
      ignoreBinaries: ['next'],
    },
  },
  // An exported signature may name a type that nobody else imports.
  ignoreExportsUsedInFile: { interface: true, type: true },
}

export default config
