import { defineConfig } from 'vitest/config'
import base from '../../../vitest.config.js'

// The check on live Prefect databases, for developers: it installs Prefect. One file after the other, since they share two servers.
export default defineConfig({
  ...(base.resolve && { resolve: base.resolve }),
  test: {
    include: ['test/compat/prefect/*.check.ts', 'test/examples/{prefect-command,rest-server-routes}.test.ts'],
    globalSetup: ['test/support/global-setup.ts', 'test/compat/prefect/start-prefect.ts'],
    fileParallelism: false,
    // Each command of Prefect's is a Python process, which takes seconds to start.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    reporters: [['verbose', { summary: false }]],
  },
})
