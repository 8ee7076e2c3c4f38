// A small orchestration server: HTTP, upkeep and three workers, each a process that is started again when it dies. On the PostgreSQL
// of DATABASE_URL, else in a SQLite file. Run it with `npm run example examples/orchestrator.ts`; orchestrator/README.md says more.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { sleep, untilStopped } from './orchestrator/loop.js'

const stopped = untilStopped()

/** Runs a program until it is told to stop. */
async function keepRunning(program: string, env: Record<string, string> = {}): Promise<void> {
  while (!stopped.aborted) {
    const file = fileURLToPath(new URL(`orchestrator/${program}.ts`, import.meta.url))
    const child = spawn(process.execPath, [...process.execArgv, file], {
      env: { ...process.env, ...env },
      stdio: 'inherit',
    })
    const stop = (): boolean => child.kill('SIGTERM')
    stopped.addEventListener('abort', stop)
    await new Promise((resolve) => child.once('exit', resolve))
    stopped.removeEventListener('abort', stop)
    await sleep(1, stopped)
  }
}

const { PORT = '4300' } = process.env
const server = keepRunning('orchestrator-server')
// It makes the tables.
while (!stopped.aborted && !(await fetch(`http://127.0.0.1:${PORT}/health`).catch(() => undefined))?.ok) {
  await sleep(0.2, stopped)
}
await Promise.all([
  server,
  ...['ada', 'grace', 'edsger'].map((WORKER) => keepRunning('orchestrator-worker', { WORKER })),
])
