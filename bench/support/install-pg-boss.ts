import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { emptyFolder, install, runOrThrow } from '../../test/support/shell.js'

/** pg-boss 12 in a process of its own, under the Node that it needs. */
export interface PgBoss extends AsyncDisposable {
  readonly version: string
  /** How many jobs a second some claimers take and end together, and what a fetch takes on average, in milliseconds. */
  measure(options: {
    url: string
    backlog: number
    claimers: number
    seconds: number
    batch: number
  }): Promise<{ jobsPerSecond: number; fetch: number }>
}

/** Installs it outside the sources. */
export async function installPgBoss(): Promise<PgBoss> {
  const folder = await emptyFolder()
  // The package brings a Node in its own install script.
  await install(folder.path, ['node@24'], { scripts: true })
  await install(folder.path, ['pg-boss@12'])
  await copyFile(fileURLToPath(new URL('../peers/pg-boss.ts', import.meta.url)), join(folder.path, 'pg-boss.mts'))
  const node = join(folder.path, 'node_modules', 'node', 'bin', 'node')
  const list = await runOrThrow('npm', ['ls', 'pg-boss', '--json'], { cwd: folder.path })
  const { dependencies } = JSON.parse(list) as { dependencies: Record<string, { version: string }> }
  return {
    version: dependencies['pg-boss']?.version ?? 'unknown',
    async measure(options) {
      const printed = await runOrThrow(node, ['pg-boss.mts', JSON.stringify(options)], { cwd: folder.path })
      return JSON.parse(printed.trim().split('\n').at(-1) ?? '') as { jobsPerSecond: number; fetch: number }
    },
    [Symbol.asyncDispose]: async () => await folder[Symbol.asyncDispose](),
  }
}
