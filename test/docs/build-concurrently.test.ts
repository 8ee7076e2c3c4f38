import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Kysely, sql } from 'kysely'
import { prefectIndexes } from 'kysely-work-queues/migrations'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { Migrator } from '../support/migrator.js'
import { prefectDatabases } from '../support/prefect-databases.js'
import { root } from '../support/shell.js'

describeOnDatabases(
  'the function of docs/prefect-databases.md that builds our indexes concurrently',
  (t) => {
    test('builds every index that the migration would, which then takes them as they are', async () => {
      const db = t.database.plain
      const before = await indexesOf(db)
      const buildConcurrently = await readFunction()
      await buildConcurrently(db)
      const built = await indexesOf(db)
      expect(built.length - before.length).toBeGreaterThan(10)

      const migrator = new Migrator({ db, provider: { getMigrations: async () => prefectIndexes } })
      const { error } = await migrator.migrateToLatest()
      expect(error).toBeUndefined()
      expect(await indexesOf(db)).toEqual(built)

      // Without them, the migration makes the same.
      for (const { down } of Object.values(prefectIndexes)) await down(db)
      expect(await indexesOf(db)).toEqual(before)
      for (const { up } of Object.values(prefectIndexes)) await up(db)
      expect((await indexesOf(db)).map(({ definition }) => definition)).toEqual(
        built.map(({ definition }) => definition),
      )
    })
  },
  prefectDatabases.filter(({ dialect }) => dialect === 'postgres'),
)

/** The valid indexes of the tables of ours, each with what tells it from another of the same name. */
async function indexesOf(db: Kysely<any>): Promise<{ definition: string; oid: number }[]> {
  const { rows } = await sql<{ definition: string; oid: number }>`
    select pg_get_indexdef(indexrelid) as definition, indexrelid as oid
    from pg_index
    where indisvalid and indrelid in (
      select oid from pg_class where relname in ('work_pool', 'work_queue', 'worker', 'flow_run', 'flow_run_state')
    )
    order by 1`.execute(db)
  return rows
}

/** The function as the page has it, with the page's imports. */
async function readFunction(): Promise<(db: Kysely<any>) => Promise<void>> {
  const page = await readFile(join(root, 'docs/prefect-databases.md'), 'utf8')
  const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block)
  const imports = blocks.flatMap((block) => block.match(/^import [\s\S]*?from '[^']+'$/gm) ?? [])
  const code = blocks.find((block) => block.includes('function buildConcurrently')) ?? ''
  const folder = join(root, 'coverage', 'documented')
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'build-concurrently.ts')
  await writeFile(file, `${imports.join('\n')}\nexport ${code.slice(code.indexOf('async function'))}`)
  const module = (await import(pathToFileURL(file).href)) as { buildConcurrently: (db: Kysely<any>) => Promise<void> }
  return module.buildConcurrently
}
