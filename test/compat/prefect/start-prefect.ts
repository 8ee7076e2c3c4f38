import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { installPrefect } from './install.js'
import { type PrefectPlace, startPrefect } from './server.js'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Prefect servers that run, each on a database of its own that it has made. */
    prefects: PrefectPlace[]
  }
}

/** Installs Prefect, and starts its server on an empty SQLite file and on an empty PostgreSQL database. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const command = await installPrefect()
  process.env['PREFECT_COMMAND'] = command
  const directory = await mkdtemp(join(tmpdir(), 'kysely-work-queues-prefect-'))
  const { databaseUrl, databasePrefix } = project.getProvidedContext()
  const postgres = new URL(databaseUrl)
  postgres.pathname = `/${databasePrefix}_prefect`
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  await client.query(`create database ${databasePrefix}_prefect`)
  await client.end()

  const servers = await Promise.all([
    startPrefect({ command, dialect: 'sqlite', home: join(directory, 'a'), database: join(directory, 'prefect.db') }),
    startPrefect({ command, dialect: 'postgres', home: join(directory, 'b'), database: postgres.href }),
  ])
  project.provide(
    'prefects',
    servers.map(({ place }) => place),
  )
  return async () => {
    await Promise.all(servers.map(({ stop }) => stop()))
    await rm(directory, { recursive: true, force: true })
  }
}
