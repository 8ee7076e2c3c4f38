import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { inject } from 'vitest'

/** A migrated and empty database, for one test at a time. */
export interface PostgresDatabase {
  readonly url: string
  giveBack(): Promise<void>
}

// Copying a database takes a fifth of a second and emptying one a few milliseconds, so databases that are given back as they were
// taken are used again by the next test of the file.
const free = new Map<string, Promise<PostgresDatabase>[]>()
const templates = new Map<string, Promise<Template>>()
let counter = 0

/** Takes a database with our tables in `schema`. */
export async function takePostgresDatabase(
  schema: string,
  migrate: (db: Kysely<any>, hasEvents: boolean) => Promise<void>,
  hasEvents: boolean,
): Promise<PostgresDatabase> {
  const key = `${schema} ${hasEvents}`
  const used = free.get(key)?.pop()
  if (used !== undefined) return await used
  let template = templates.get(key)
  if (template === undefined) {
    template = createTemplate(schema, (db) => migrate(db, hasEvents))
    templates.set(key, template)
  }
  const { name: original, objects } = await template
  const name = uniqueName('test')
  await query(inject('databaseUrl'), `create database ${name} template ${original}`)
  const database: PostgresDatabase = {
    url: urlOf(name),
    async giveBack() {
      const isAsTaken = await isEmptied(database.url, schema, objects, hasEvents).catch(() => false)
      if (isAsTaken) free.set(key, [...(free.get(key) ?? []), Promise.resolve(database)])
      else await query(inject('databaseUrl'), `drop database ${name} with (force)`)
    },
  }
  return database
}

interface Template {
  readonly name: string
  /** How many tables, indexes, triggers, functions and policies it has. */
  readonly objects: number
}

async function createTemplate(schema: string, migrate: (db: Kysely<any>) => Promise<void>): Promise<Template> {
  const name = uniqueName('template')
  await query(inject('databaseUrl'), `create database ${name}`)
  const pool = new pg.Pool({ connectionString: urlOf(name), max: 1 })
  const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
  await db.schema.createSchema(schema).ifNotExists().execute()
  await migrate(schema === 'public' ? db : db.withSchema(schema))
  await db.destroy()
  const [row] = await query<{ objects: number }>(urlOf(name), `select ${COUNT_OBJECTS} as objects`)
  return { name, objects: row?.objects ?? 0 }
}

const COUNT_OBJECTS = `(
  (select count(*)::int from pg_class where relnamespace >= 16384 or relnamespace = 'public'::regnamespace)
  + (select count(*)::int from pg_trigger where not tgisinternal)
  + (select count(*)::int from pg_proc where oid >= 16384)
  + (select count(*)::int from pg_policy))`

const TABLES = ['flow_run_lease', 'flow_run_state', 'flow_run', 'worker', 'work_queue', 'work_pool']

/** Empties our tables. Says whether the database is then as it was: nothing added to it, and no statistics. */
async function isEmptied(url: string, schema: string, objects: number, hasEvents: boolean): Promise<boolean> {
  const [row] = await query<{ objects: number; statistics: number }>(
    url,
    `update "${schema}".work_pool set default_queue_id = null;
     ${[...TABLES, ...(hasEvents ? ['work_queue_event'] : [])].map((table) => `delete from "${schema}".${table};`).join('')}
     select ${COUNT_OBJECTS} as objects, (
       select count(*)::int from pg_statistic
       where starelid in (select oid from pg_class where relnamespace = '"${schema}"'::regnamespace)
     ) as statistics`,
  )
  return row?.objects === objects && row.statistics === 0
}

/** A name that no other worker, and no other run on the same server, uses. */
function uniqueName(kind: string): string {
  return `${inject('databasePrefix')}_${kind}_${process.pid}_${Date.now().toString(36)}_${++counter}`
}

function urlOf(database: string): string {
  const url = new URL(inject('databaseUrl'))
  url.pathname = `/${database}`
  return url.href
}

/** Runs statements on a connection of their own, and returns the rows of the last. */
async function query<Row extends pg.QueryResultRow>(url: string, statements: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const results: pg.QueryResult<Row> | pg.QueryResult<Row>[] = await client.query<Row>(statements)
    return [results].flat().at(-1)?.rows ?? []
  } finally {
    await client.end()
  }
}
