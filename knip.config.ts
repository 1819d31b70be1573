import type { KnipConfig } from 'knip'

/** What `npm run lint` calls alive: whatever is reached from the entries of the package, its scripts, recipes, examples or tests. */
const config: KnipConfig = {
  workspaces: {
    '.': {
      entry: [
        // scripts/build-js.ts puts train-browser in the place of train-node, and all-ops-required in that of all-ops-now.
        'src/{node,browser,train,train-browser,own-ops,all-ops,generate,serve,serve-thread,inline,inline-node}.ts',
        'src/api/all-ops-required.ts',
        'scripts/*.ts',
        'models/**/*.ts',
        'tests/**/*.test.ts',
      ],
      project: ['*.{js,ts}', '{src,scripts,models,tests,bindings}/**/*.ts'],
      ignoreDependencies: [
        // Its compiler is run by the path of its file.
        'assemblyscript',
        // Read as text into a report.
        'uplot',
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
      entry: ['*.ts', '{generate,train,variants}/{run,sweep}.ts'],
      project: ['**/*.ts'],
      // Imported by a name in a variable, for not every machine has them: process.ts.
      ignoreDependencies: ['onnxruntime-node', '@jax-js/jax', '@tensorflow/*', 'node'],
    },
    // scripts/docs.ts runs it by the path of its file.
    docs: { ignoreDependencies: ['typedoc'] },
    'examples/*': { entry: ['*.ts'], project: ['**/*.ts'] },
  },
  // An exported signature may name a type that nobody else imports.
  ignoreExportsUsedInFile: { interface: true, type: true },
}

export default config
