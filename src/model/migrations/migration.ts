import { type Kysely, sql, TableNode } from 'kysely'

/** A migration as Kysely's `Migrator` takes it, in 0.28 and 0.29. */
export interface WorkQueueMigration {
  /** Makes what the migration is for. Takes the session of Kysely's `Migrator`, with its `withSchema`. */
  readonly up: (db: Kysely<any>) => Promise<void>
  /** Undoes it. */
  readonly down: (db: Kysely<any>) => Promise<void>
}

/** The statements of a migration, for each dialect. */
export interface Statements {
  readonly postgres: readonly string[]
  readonly sqlite: readonly string[]
}

/**
 * Makes a migration of statements, in which `{name}` stands for one of our tables or types, in the schema
 * that the host's `withSchema` names, if any.
 */
export function migration(up: Statements, down: Statements): WorkQueueMigration {
  return { up: (db) => run(db, up), down: (db) => run(db, down) }
}

async function run(db: Kysely<any>, statements: Statements): Promise<void> {
  const schema = schemaOf(db)
  const isPostgres = sql`select ${1}`.compile(db).sql.includes('$1')
  for (const statement of isPostgres ? statements.postgres : statements.sqlite) {
    await sql.raw(statement.replace(/\{(\w+)\}/g, (_, name) => qualified(name, schema))).execute(db)
  }
}

function qualified(name: string, schema: string | undefined): string {
  return schema === undefined ? `"${name}"` : `"${schema.replaceAll('"', '""')}"."${name}"`
}

function schemaOf(db: Kysely<any>): string | undefined {
  const from = db.selectFrom('work_queue').selectAll().toOperationNode().from?.froms[0]
  return from !== undefined && TableNode.is(from) ? from.table.schema?.name : undefined
}
