import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Output, root, run, runOrThrow } from '../../support/shell.js'

/** The compilers that a host may have. */
export const compilers = [
  { name: 'TypeScript 5.9', tsc: 'typescript-5' },
  { name: 'TypeScript 6', tsc: 'typescript-6' },
  { name: 'TypeScript 7', tsc: 'typescript' },
] as const

/** How a host's compiler may find packages. */
export const resolutions = [
  { module: 'node16', moduleResolution: 'node16' },
  { module: 'preserve', moduleResolution: 'bundler' },
] as const

/** What of Kysely 0.29 the type tests, which 0.28 has to compile too, cannot name. */
const EXTENDED = `
import type { Kysely, Transaction } from 'kysely'
import { createWorkQueue, type WorkQueueTables } from 'kysely-work-queues'
declare const db: Kysely<WorkQueueTables>
declare const transaction: Transaction<WorkQueueTables>
void createWorkQueue(db.$extendTables<{ more: { id: string } }>(), { name: 'etl' })
void createWorkQueue(transaction.$extendTables<{ more: { id: string } }>(), { name: 'etl' })
`

/** A host that uses everything the library says of types in its own tests, and its migrations and test kit. */
const HOST = `
import type { Kysely } from 'kysely'
import { migrations, prefectIndexes, type WorkQueueMigration } from 'kysely-work-queues/migrations'
import {
  createTestSession,
  drawPolling,
  type SimulatedClaim,
  simulatePolling,
  simulatePollings,
} from 'kysely-work-queues/testing'
import { createWorkQueue, type WorkQueueTables } from 'kysely-work-queues'
interface Host extends WorkQueueTables {
  invoice: { id: string }
}
declare const db: Kysely<any>
const all: Record<string, WorkQueueMigration> = { ...migrations, ...prefectIndexes }
export async function test(): Promise<void> {
  for (const { up } of Object.values(all)) await up(db)
  await createWorkQueue(await createTestSession(), { name: 'etl' })
  const session = await createTestSession<Host>({ migrations: { mine: { up: async () => {} } } })
  await session.selectFrom('invoice').select('id').execute()
  const claim: SimulatedClaim<Host> = async (db) =>
    (await db.selectFrom('invoice').select('id').execute()).map(({ id }) => id)
  const { simulations } = await simulatePollings({ session, pollers: [], claim })
  const pictures: string[] = simulations.map(({ history }) => drawPolling(history))
  if (pictures.length === 0) throw new Error('none')
  await simulatePolling({ queues: [], runs: [], pollers: [], endSeconds: 1 } as never)
}
`

/** A host whose database lacks tables: it must not compile. */
const WITHOUT_TABLES = `
import type { Kysely } from 'kysely'
import { createWorkQueue } from 'kysely-work-queues'
declare const db: Kysely<{ invoice: { id: string } }>
void createWorkQueue(db, { name: 'etl' })
`

/** Writes the hosts' sources into a folder where the package is installed. */
export async function writeHosts(folder: string, kysely: string): Promise<void> {
  // Kysely 0.28 has other types for CommonJS, which no ES module's fit.
  await runOrThrow('npm', ['pkg', 'set', 'type=module'], { cwd: folder })
  await mkdir(join(folder, 'good'), { recursive: true })
  await mkdir(join(folder, 'bad'), { recursive: true })
  await writeFile(join(folder, 'good', 'host.ts'), HOST)
  if (!kysely.startsWith('0.28')) await writeFile(join(folder, 'good', 'extended.ts'), EXTENDED)
  await copyFile(join(root, 'test', 'unit', 'types', 'session.test-d.ts'), join(folder, 'good', 'session.ts'))
  await writeFile(join(folder, 'bad', 'without-tables.ts'), WITHOUT_TABLES)
  for (const { module, moduleResolution } of resolutions) {
    for (const host of ['good', 'bad']) {
      const options = { module, moduleResolution, target: 'es2023', strict: true, noEmit: true, types: [] }
      await writeFile(
        join(folder, `${host}.${moduleResolution}.json`),
        JSON.stringify({ compilerOptions: { ...options, skipLibCheck: true }, include: [host] }),
      )
    }
  }
  // The declarations themselves, checked too.
  await writeFile(
    join(folder, 'declarations.json'),
    JSON.stringify({
      compilerOptions: {
        module: 'nodenext',
        target: 'es2023',
        lib: ['es2023', 'esnext.disposable', 'dom'],
        strict: true,
        noEmit: true,
        types: [],
      },
      include: ['good/host.ts'],
    }),
  )
}

/** Compiles a project of {@link writeHosts}. */
export async function compile(folder: string, tsc: string, project: string): Promise<Output> {
  return await run(process.execPath, [join(root, 'node_modules', tsc, 'bin', 'tsc'), '-p', project], { cwd: folder })
}
