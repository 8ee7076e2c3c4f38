import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import SQLite from 'better-sqlite3'
import { Kysely, PostgresDialect, SqliteDialect } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import pg from 'pg'

/** A database of Prefect's, and where its server listens. */
export interface PrefectPlace {
  readonly dialect: 'sqlite' | 'postgres'
  /** A file, or a URL. */
  readonly database: string
  readonly command: string
  readonly home: string
  /** `PREFECT_API_URL`; empty where no server runs. */
  readonly apiUrl: string
}

/** Starts a real Prefect server, without its background services, and waits until it has made its database and answers. */
export async function startPrefect(
  place: Omit<PrefectPlace, 'apiUrl'>,
): Promise<{ place: PrefectPlace; stop(): Promise<void> }> {
  await mkdir(place.home, { recursive: true })
  const port = await freePort()
  const started = { ...place, apiUrl: `http://127.0.0.1:${port}/api` }
  const server = spawn(
    place.command,
    ['server', 'start', '--no-services', '--host', '127.0.0.1', '--port', String(port)],
    { env: environmentOf({ ...place, apiUrl: '' }), stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let log = ''
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (text: Buffer) => (log += text.toString()))
  const stop = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return
    server.kill('SIGTERM')
    await once(server, 'exit')
  }
  for (let tries = 0; tries < 600; tries++) {
    if (server.exitCode !== null) break
    const isUp = await fetch(`${started.apiUrl}/health`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isUp) return { place: started, stop }
    await setTimeout(200)
  }
  await stop()
  throw new Error(`Prefect's server did not start:\n${log}`)
}

function environmentOf({ dialect, database, home, apiUrl }: PrefectPlace): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PREFECT_HOME: home,
    PREFECT_API_DATABASE_CONNECTION_URL:
      dialect === 'sqlite'
        ? `sqlite+aiosqlite:///${database}`
        : database.replace(/^postgres(ql)?:/, 'postgresql+asyncpg:'),
    ...(apiUrl !== '' && { PREFECT_API_URL: apiUrl }),
    PREFECT_SERVER_ANALYTICS_ENABLED: 'false',
    PREFECT_SERVER_UI_ENABLED: 'false',
    PREFECT_API_BLOCKS_REGISTER_ON_START: 'false',
    NO_COLOR: '1',
    COLUMNS: '200',
  }
}

/** Both sides of one database: Prefect's server and command, and our session. */
export interface Live extends AsyncDisposable {
  readonly place: PrefectPlace
  readonly db: Kysely<WorkQueueTables>
  /** Asks Prefect's server, which answers with JSON or, for 204, with nothing. Other answers are errors. */
  api(method: string, path: string, body?: unknown): Promise<any>
  /** Runs Prefect's command, and returns what it prints. */
  prefect(...args: string[]): Promise<string>
}

/** Opens a session on Prefect's database, as a host would. */
export function openLive(place: PrefectPlace): Live {
  const db = new Kysely<WorkQueueTables>({
    dialect:
      place.dialect === 'sqlite'
        ? new SqliteDialect({ database: openSqlite(place.database) })
        : new PostgresDialect({ pool: new pg.Pool({ connectionString: place.database, max: 4 }) }),
  })
  return {
    place,
    db,
    async api(method, path, body) {
      const ask = async (): Promise<Response> =>
        await fetch(place.apiUrl + path, {
          method,
          headers: { 'content-type': 'application/json' },
          ...(body !== undefined && { body: JSON.stringify(body) }),
        })
      let response = await ask()
      // On SQLite, what the server writes after it has answered may be in the way of the next request. Its own client tries again too.
      for (let tries = 0; response.status === 503 && tries < 5; tries++) {
        await setTimeout(200)
        response = await ask()
      }
      const text = await response.text()
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
      return text === '' ? undefined : JSON.parse(text)
    },
    async prefect(...args) {
      const { stdout } = await promisify(execFile)(place.command, args, { env: environmentOf(place) })
      return stdout
    },
    async [Symbol.asyncDispose]() {
      await db.destroy()
    },
  }
}

function openSqlite(file: string): SQLite.Database {
  const database = new SQLite(file, { timeout: 20_000 })
  database.pragma('foreign_keys = on')
  return database
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
