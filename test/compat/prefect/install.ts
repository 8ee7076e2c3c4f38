import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** The release of Prefect that the check runs against. */
const PREFECT_VERSION = '3.8.8'

// Newer releases of fastapi have dropped what this Prefect imports.
const REQUIREMENTS = [`prefect==${PREFECT_VERSION}`, 'fastapi<0.150']

/**
 * Installs Prefect in a virtual environment outside the repository, unless it is there already, and returns its command.
 *
 * `PREFECT_VENV` names the environment, `PYTHON` the Python to make it with.
 */
export async function installPrefect(): Promise<string> {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  const environment = process.env['PREFECT_VENV'] ?? join(cache, 'kysely-work-queues', `prefect-${PREFECT_VERSION}`)
  const command = join(environment, 'bin', 'prefect')
  if (!existsSync(command)) {
    process.stdout.write(`installing Prefect ${PREFECT_VERSION} in ${environment}\n`)
    const run = promisify(execFile)
    await mkdir(environment, { recursive: true })
    await run(process.env['PYTHON'] ?? 'python3.11', ['-m', 'venv', environment])
    await run(join(environment, 'bin', 'pip'), ['install', '--disable-pip-version-check', '-q', ...REQUIREMENTS])
  }
  const { stdout } = await promisify(execFile)(command, ['--version'])
  if (stdout.trim() !== PREFECT_VERSION) throw new Error(`${command} is of release ${stdout.trim()}.`)
  return command
}
