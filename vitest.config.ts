import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^kysely-work-queues\/rules$/, replacement: path('src/rules.ts') },
      { find: /^kysely-work-queues\/migrations$/, replacement: path('src/migrations.ts') },
      { find: /^kysely-work-queues\/postgres$/, replacement: path('src/postgres.ts') },
      { find: /^kysely-work-queues\/sqlite$/, replacement: path('src/sqlite.ts') },
      { find: /^kysely-work-queues\/testing$/, replacement: path('src/testing/index.ts') },
      { find: /^kysely-work-queues$/, replacement: path('src/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts', 'examples/*.test.ts'],
    globalSetup: 'test/support/global-setup.ts',
    // Vitest's own choice on two cores is one worker: 358 s for the whole suite there, and half of a core idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Databases are made for each test, and the slowest machine that runs this has two cores.
    testTimeout: 30_000,
    reporters: ['default', ['json', { outputFile: 'coverage/results.json' }]],
    hookTimeout: 60_000,
    // What a page shows comes a moment later, and on a busy machine a longer one.
    expect: { poll: { timeout: 10_000 } },
    coverage: {
      provider: 'v8',
      include: ['src/**'],
      reporter: ['text-summary'],
      thresholds: {
        'src/rules/**': { statements: 100, branches: 100, functions: 100, lines: 100 },
        statements: 95,
        branches: 90,
        functions: 95,
        lines: 95,
      },
    },
  },
})
