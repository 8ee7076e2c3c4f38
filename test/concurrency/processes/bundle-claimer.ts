import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

let bundles = 0

/** The claimer, or another program beside it, as one script, which starts in a quarter of the time that the sources take. Deleted at the end of its scope. */
export async function bundleClaimer(entry = 'claimer.ts'): Promise<{ readonly script: string } & Disposable> {
  // Where the drivers, which are not bundled, are found.
  const script = path(`../../../node_modules/.cache/kysely-work-queues/${entry}-${process.pid}-${++bundles}.mjs`)
  await build({
    entryPoints: [path(entry)],
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
