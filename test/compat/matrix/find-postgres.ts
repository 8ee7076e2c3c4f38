import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** The folder with the programs of a major version of PostgreSQL, if it is installed here. */
export function findPostgres(major: string): string | undefined {
  return [
    `/usr/lib/postgresql/${major}/bin`,
    `/usr/pgsql-${major}/bin`,
    `/opt/homebrew/opt/postgresql@${major}/bin`,
  ].find((folder) => existsSync(join(folder, 'initdb')))
}
