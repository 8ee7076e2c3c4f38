import { configDefaults, defineConfig } from 'vitest/config'
import base from './vitest.config.js'

// What one runs while working: one kind of session a database, without the suites that take long and seldom fail alone.
export default defineConfig({
  ...(base.resolve && { resolve: base.resolve }),
  test: {
    ...base.test,
    env: { QUICK: '1' },
    // Files share what they load, and the databases that are made: a third of the time.
    isolate: false,
    exclude: [
      ...configDefaults.exclude,
      'test/{concurrency,docs,examples,oracles,plans}/**',
      'test/contract/testing/simulate-*',
      'test/contract/claim-properties*',
      'test/contract/hosts/{calls-at-once,current-session,grants,long-texts,prefect-databases,times-as-stored}*',
      'test/unit/start-postgres*',
    ],
    reporters: ['default', ['json', { outputFile: 'coverage/quick.json' }]],
  },
})
