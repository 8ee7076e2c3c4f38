// A PostgreSQL database for an example to try things on: on the server of DATABASE_URL, else on one that is started for it.

import pg from 'pg'
import { startPostgres } from '../../test/support/start-postgres.js'

/** A new and empty database, dropped at the end of its scope. */
export async function createDatabase(): Promise<{ url: string } & AsyncDisposable> {
  const given = process.env['DATABASE_URL']
  const server = given === undefined || given === '' ? await startPostgres() : undefined
  const serverUrl = server?.url ?? given ?? ''
  const name = `example_${process.pid}_${Date.now().toString(36)}`
  await query(serverUrl, `create database ${name}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      await query(serverUrl, `drop database ${name} with (force)`)
      await server?.stop()
    },
  }
}

async function query(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(statement)
  await client.end()
}
