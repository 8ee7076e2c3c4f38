import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { runOrThrow } from '../../support/shell.js'

/** Imports every entry point as ESM and by `require`, and compares what the two got. Returns the names that each exports. */
export async function importBothWays(
  folder: string,
  entryPoints: readonly string[],
): Promise<Record<string, string[]>> {
  const code = `
    import { createRequire } from 'node:module'
    const require = createRequire(import.meta.url)
    const names = {}
    for (const entry of ${JSON.stringify(entryPoints)}) {
      const required = require(entry)
      const imported = await import(entry)
      for (const name of Object.keys(imported)) {
        if (imported[name] !== required[name]) throw new Error(entry + ': ' + name + ' is another when required')
      }
      names[entry] = Object.keys(imported)
    }
    console.log(JSON.stringify(names))`
  // Without the flag, Node 20 and 22 say on standard error that requiring ESM is experimental; that is no failure.
  return JSON.parse(await node(folder, code)) as Record<string, string[]>
}

/** The drivers that importing `entry` loads, in a host that has them. */
export async function driversLoadedBy(folder: string, entry: string): Promise<string[]> {
  const drivers = ['better-sqlite3', 'pg', '@libsql/client', 'postgres', '@electric-sql/pglite']
  for (const driver of drivers) {
    const path = join(folder, 'node_modules', driver)
    await mkdir(path, { recursive: true })
    await writeFile(join(path, 'package.json'), JSON.stringify({ name: driver, version: '99.0.0' }))
    await writeFile(join(path, 'index.js'), `(globalThis.loaded ??= []).push(${JSON.stringify(driver)})`)
  }
  const code = `await import(${JSON.stringify(entry)}); await new Promise((resolve) => setTimeout(resolve, 50)); console.log(JSON.stringify(globalThis.loaded ?? []))`
  return JSON.parse(await node(folder, code)) as string[]
}

/** The packages that a module of the installed library imports, by itself and by what it imports. */
export async function packagesOf(folder: string, module: string): Promise<string[]> {
  const dist = join(folder, 'node_modules', 'kysely-work-queues', 'dist')
  const packages = new Set<string>()
  const waiting = [join(dist, module)]
  const seen = new Set(waiting)
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const source = await readFile(path, 'utf8')
    for (const [, from = ''] of source.matchAll(/\b(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
      if (!from.startsWith('.')) packages.add(from)
      const imported = join(dirname(path), from)
      if (!from.startsWith('.') || seen.has(imported)) continue
      seen.add(imported)
      waiting.push(imported)
    }
  }
  return [...packages].toSorted()
}

/** What happens when a test session is asked for in a host without better-sqlite3. */
export async function testSessionWithoutDriver(
  folder: string,
): Promise<{ readonly hasNodeSqlite: boolean; readonly error: string }> {
  const output = await node(
    folder,
    `import { createWorkQueue } from 'kysely-work-queues'
     import { createTestSession } from 'kysely-work-queues/testing'
     const error = await createTestSession()
       .then((session) => createWorkQueue(session, { name: 'etl' }))
       .then(() => 'none', (error) => error.name)
     console.log(JSON.stringify({ hasNodeSqlite: process.getBuiltinModule('node:sqlite') !== undefined, error }))`,
  )
  return JSON.parse(output) as { hasNodeSqlite: boolean; error: string }
}

/** How long imports took, in milliseconds: the medians of several processes. */
export interface ImportTimes {
  readonly kysely: number
  /** What the root takes when Kysely is there already. */
  readonly root: number
  /** How much of that is zod, by itself. */
  readonly zod: number
}

/** Measures the import of the root in processes of their own. */
export async function importTimes(folder: string, processes = 9): Promise<ImportTimes> {
  const measure = async (...entries: string[]): Promise<number[]> =>
    JSON.parse(
      await node(
        folder,
        `const times = []
         for (const entry of ${JSON.stringify(entries)}) {
           const before = performance.now()
           await import(entry)
           times.push(performance.now() - before)
         }
         console.log(JSON.stringify(times))`,
      ),
    ) as number[]
  const times: { kysely: number; root: number; zod: number }[] = []
  for (let i = 0; i < processes; i++) {
    const [kysely = 0, own = 0] = await measure('kysely', 'kysely-work-queues')
    const [, zod = 0] = await measure('kysely', 'zod')
    times.push({ kysely, root: own, zod })
  }
  const median = (of: (time: ImportTimes) => number): number =>
    times.map(of).toSorted((a, b) => a - b)[processes >> 1] ?? 0
  return { kysely: median((t) => t.kysely), root: median((t) => t.root), zod: median((t) => t.zod) }
}

async function node(folder: string, code: string): Promise<string> {
  const output = await runOrThrow(process.execPath, ['--input-type=module', '--eval', code], { cwd: folder })
  return output.trim()
}
