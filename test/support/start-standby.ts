import { spawnSync } from 'node:child_process'
import { appendFile, cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type PostgresServer, serverUser, SETTINGS, startPostgres } from './start-postgres.js'

/**
 * Starts a hot standby of a server, which streams from it: a copy of its data, taken while it is halted for a moment, since the embedded
 * PostgreSQL has no `pg_basebackup`.
 *
 * Settings are fixed from the command line; what is to be changed by `alter system` goes to `changeable`.
 */
export async function startStandby(
  primary: PostgresServer,
  { settings = [], changeable = [] }: { settings?: readonly string[]; changeable?: readonly string[] } = {},
): Promise<PostgresServer> {
  const { hostname, port, username } = new URL(primary.url)
  const { uid, gid } = serverUser()
  return await startPostgres({
    settings: [...SETTINGS, ...settings],
    async prepare(data) {
      await primary.halt('orderly')
      await cp(primary.data, data, { recursive: true, verbatimSymlinks: true })
      await primary.resume()
      await writeFile(join(data, 'standby.signal'), '')
      const source = `primary_conninfo = 'host=${hostname} port=${port} user=${username}'`
      await appendFile(join(data, 'postgresql.auto.conf'), `${[source, ...changeable].join('\n')}\n`)
      if (uid !== undefined) spawnSync('chown', ['-R', `${uid}:${gid}`, data])
    },
  })
}
