import ts from 'typescript-eslint'
import rooms from './eslint.rooms.js'

export default ts.config(
  // AssemblyScript looks like TypeScript but is not: its own compiler checks it.
  {
    ignores: [
      'dist/',
      'assembly/',
      '**/node_modules/',
      'coverage/',
      'tmp/',
      'bindings/*exports.d.ts',
      'docs/api/',
      'docs/.vitepress/{cache,dist}/',
    ],
  },
  {
    files: ['**/*.ts'],
    extends: [ts.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-constant-binary-expression': 'error',
      'no-unreachable-loop': 'error',
      'no-unused-labels': 'error',
      'no-useless-escape': 'error',
      'object-shorthand': ['error', 'properties'],
      'prefer-const': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      // Definitions are objects of functions that use no `this`.
      '@typescript-eslint/unbound-method': 'off',
      // noUnusedLocals and noUnusedParameters of the compiler.
      '@typescript-eslint/no-unused-vars': 'off',
      // An async function without await is how a promise interface is kept.
      '@typescript-eslint/require-await': 'off',
      // "new Array(n).fill(0)" and JSON.parse are typed by what they are assigned to.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
    },
  },
  {
    files: ['src/**/*.ts', 'bindings/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'error' },
  },
  rooms,
)
