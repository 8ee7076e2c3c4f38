import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

let bundles = 0

/** The claimer as one script, which starts in a quarter of the time that the sources take. Deleted at the end of its scope. */
export async function bundleClaimer(): Promise<{ readonly script: string } & Disposable> {
  // Where the drivers, which are not bundled, are found.
  const script = path(`../../../node_modules/.cache/kysely-work-queues/claimer-${process.pid}-${++bundles}.mjs`)
  await build({
    entryPoints: [path('claimer.ts')],
    outfile: script,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['better-sqlite3', 'pg'],
    alias: { 'kysely-work-queues': path('../../../src/index.ts') },
  })
  return { script, [Symbol.dispose]: () => rmSync(script, { force: true }) }
}
