import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { freePort } from '../../support/free-port.js'
import { serverUser } from '../../support/start-postgres.js'

/** A PgBouncer that passes every database of a server on. */
export interface PgBouncer extends AsyncDisposable {
  readonly port: number
}

/** Where PgBouncer is installed, if it is. */
export function findPgBouncer(): string | undefined {
  return ['/usr/sbin/pgbouncer', '/usr/local/bin/pgbouncer', '/opt/homebrew/bin/pgbouncer'].find((path) =>
    existsSync(path),
  )
}

/** Which PgBouncer it is. */
export function versionOf(binary: string): { text: string; minor: number } {
  const [, text = '', minor = ''] =
    /PgBouncer (\d+\.(\d+)\S*)/.exec(execFileSync(binary, ['--version'], { encoding: 'utf8' })) ?? []
  return { text, minor: Number(minor) }
}

/** Starts a PgBouncer in transaction mode before a server. */
export async function startPgBouncer(binary: string, databaseUrl: string): Promise<PgBouncer> {
  // Older ones refuse settings that they do not know.
  const names = versionOf(binary).minor < 21 ? '' : 'max_prepared_statements = 200'
  const folder = await mkdtemp(join(tmpdir(), 'kysely-work-queues-pgbouncer-'))
  await chmod(folder, 0o755)
  const port = await freePort()
  const server = new URL(databaseUrl)
  const settings = join(folder, 'pgbouncer.ini')
  await writeFile(
    settings,
    `[databases]
* = host=${server.hostname} port=${server.port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_client_conn = 2000
default_pool_size = 20
server_idle_timeout = 5
${names}
`,
  )
  await chmod(settings, 0o644)
  const log: string[] = []
  const process: ChildProcess = spawn(binary, ['-q', settings], {
    ...serverUser(),
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  process.stderr?.on('data', (chunk: Buffer) => log.push(chunk.toString()))
  for (let attempt = 0; !(await answers(port)); attempt++) {
    if (attempt === 50) throw new Error(`PgBouncer did not start:\n${log.join('')}`)
    await setTimeout(100)
  }
  return {
    port,
    async [Symbol.asyncDispose]() {
      process.kill('SIGTERM')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function answers(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
