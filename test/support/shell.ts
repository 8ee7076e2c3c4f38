import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** The folder of this package's sources. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/** What a command printed, and how it ended. */
export interface Output {
  readonly exitCode: number
  readonly stdout: string
  /** Both streams, for a message. */
  readonly output: string
}

/** Runs a command to its end, whatever its exit code. */
export async function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Output> {
  const { cwd = root, env = {} } = options
  try {
    const { stdout, stderr } = await promisify(execFile)(command, args, {
      cwd,
      env: { ...process.env, ...env },
      maxBuffer: 64 * 1024 * 1024,
    })
    return { exitCode: 0, stdout, output: stdout + stderr }
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code: unknown; stdout?: string; stderr?: string }
    return {
      exitCode: typeof code === 'number' ? code : 1,
      stdout,
      output: stdout + stderr || String(error),
    }
  }
}

/** Runs a command, and fails when it does. Returns what it printed. */
export async function runOrThrow(...args: Parameters<typeof run>): Promise<string> {
  const { exitCode, stdout, output } = await run(...args)
  if (exitCode !== 0) throw new Error(`${[args[0], ...args[1]].join(' ')} ended with ${exitCode}:\n${output}`)
  return stdout
}

/** Installs packages into a folder, without running what they bring along unless `scripts` says so. */
export async function install(
  folder: string,
  packages: readonly string[],
  { scripts = false, env = {} }: { scripts?: boolean; env?: Record<string, string> } = {},
): Promise<void> {
  const flags = ['--no-audit', '--no-fund', '--loglevel=error', ...(scripts ? [] : ['--ignore-scripts'])]
  await runOrThrow('npm', ['install', ...flags, ...packages], { cwd: folder, env })
}

/** An empty folder outside the sources, so that nothing of theirs is found from it. */
export async function emptyFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'kysely-work-queues-'))
  return { path, [Symbol.asyncDispose]: async () => await rm(path, { recursive: true, force: true }) }
}
