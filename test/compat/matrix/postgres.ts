import { existsSync } from 'node:fs'
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../support/free-port.js'
import { run, runOrThrow } from '../../support/shell.js'

/** A PostgreSQL server that is installed on this machine. */
export interface Server extends AsyncDisposable {
  readonly url: string
}

/** Where a major version of PostgreSQL is installed, if it is. */
export function findPostgres(major: string): string | undefined {
  return [
    `/usr/lib/postgresql/${major}/bin`,
    `/usr/pgsql-${major}/bin`,
    `/opt/homebrew/opt/postgresql@${major}/bin`,
  ].find((folder) => existsSync(join(folder, 'initdb')))
}

/** Starts a server that lives as long as it is used, with the settings of the tests' own. */
export async function startPostgres(bin: string): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'kysely-work-queues-postgres-'))
  await chmod(folder, 0o755)
  if (process.getuid?.() === 0) {
    const [uid, gid] = await Promise.all(
      ['-u', '-g'].map(async (flag) => Number(await runOrThrow('id', [flag, 'postgres']))),
    )
    await chown(folder, uid ?? 0, gid ?? 0)
  }
  const data = join(folder, 'data')
  const port = await freePort()
  const settings = [
    'fsync=off',
    'synchronous_commit=off',
    'full_page_writes=off',
    'autovacuum=off',
    'max_connections=300',
  ]
  settings.push(`port=${port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`)
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=icu', '--icu-locale=en-US']
  await asPostgres(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '--auth=trust', '--no-sync', ...locale])
  const options = settings.map((setting) => `-c ${setting}`).join(' ')
  await asPostgres(join(bin, 'pg_ctl'), ['-D', data, '-w', '-l', join(folder, 'log'), '-o', options, 'start'])
  return {
    url: `postgresql://postgres@127.0.0.1:${port}/postgres`,
    async [Symbol.asyncDispose]() {
      await run(...userCommand(join(bin, 'pg_ctl'), ['-D', data, '-m', 'immediate', 'stop']))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function asPostgres(command: string, args: string[]): Promise<void> {
  await runOrThrow(...userCommand(command, args))
}

/** PostgreSQL refuses to run as root. */
export function userCommand(command: string, args: string[]): [string, string[], { cwd: string }] {
  const isRoot = process.getuid?.() === 0
  return isRoot ? ['runuser', ['-u', 'postgres', '--', command, ...args], { cwd: '/' }] : [command, args, { cwd: '/' }]
}
