import { sql } from 'kysely'
import pg from 'pg'
import { inject } from 'vitest'
import type { TestDatabase } from './databases.js'

/** Where others find the test's database: PostgreSQL's URL, or SQLite's file. */
export async function urlOf({ dialect, plain }: TestDatabase): Promise<string> {
  if (dialect === 'sqlite') {
    const { rows } = await sql<{ file: string }>`select file from pragma_database_list`.execute(plain)
    return rows[0]?.file ?? ''
  }
  const { rows } = await sql<{ name: string }>`select current_database() as name`.execute(plain)
  const url = new URL(inject('databaseUrl'))
  url.pathname = `/${rows[0]?.name}`
  return url.href
}

/** Creates an empty database on this run's PostgreSQL server, which drops it with all others of the run, and returns its URL. */
export async function createEmptyDatabase(name: string): Promise<string> {
  const url = new URL(inject('databaseUrl'))
  const database = `${inject('databasePrefix')}_${name}`
  const client = new pg.Client({ connectionString: url.href })
  await client.connect()
  await client.query(`create database ${database}`)
  await client.end()
  url.pathname = `/${database}`
  return url.href
}
