import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { startPostgres } from './start-postgres.js'

declare module 'vitest' {
  export interface ProvidedContext {
    /** A PostgreSQL server, as a user who may create databases. */
    databaseUrl: string
    /** What the names of this run's databases begin with. */
    databasePrefix: string
  }
}

/** Gives the tests a PostgreSQL server: the one of `DATABASE_URL`, else a new one that lives as long as the run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const prefix = `kwq_${process.pid}_${Date.now().toString(36)}`
  project.provide('databasePrefix', prefix)
  const given = process.env['DATABASE_URL']
  if (given !== undefined && given !== '') {
    project.provide('databaseUrl', given)
    return async () => await dropDatabases(given, prefix)
  }
  const server = await startPostgres()
  project.provide('databaseUrl', server.url)
  return async () => await server.stop()
}

/** Leaves a server that is not ours as it was. */
async function dropDatabases(url: string, prefix: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ datname: string }>('select datname from pg_database where datname like $1', [
    `${prefix}%`,
  ])
  for (const { datname } of rows) await client.query(`drop database ${datname} with (force)`)
  await client.end()
}
