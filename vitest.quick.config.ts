import { configDefaults, defineConfig } from 'vitest/config'
import base from './vitest.config.js'

// What one runs while working: one kind of session a database, without the suites that take long and seldom fail alone.
export default defineConfig({
  ...(base.resolve && { resolve: base.resolve }),
  test: {
    ...base.test,
    env: { QUICK: '1' },
    exclude: [
      ...configDefaults.exclude,
      'test/concurrency/**',
      'test/oracles/{agreement,differential}/**',
      'test/plans/**',
      'test/docs/**',
      'test/examples/**',
      'test/contract/testing/simulate-*',
      'test/contract/claim-properties*',
      'test/contract/hosts/{grants,prefect-databases,times-as-stored}*',
    ],
    reporters: ['default', ['json', { outputFile: 'coverage/quick.json' }]],
  },
})
