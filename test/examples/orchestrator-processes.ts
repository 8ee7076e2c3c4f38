import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'

/** A worker's word that it begins or ends to work on a run, and when the test had it. */
interface Note {
  readonly holder: string
  readonly id: string
  readonly what: 'begins' | 'ends'
  readonly at: number
}

/** A program of the example, as a process. */
export interface Program {
  readonly notes: Note[]
  /** When it was gone, if it is. */
  readonly goneAt: number | undefined
  /** The runs that it works on. */
  at(): string[]
  kill(): Promise<void>
  /** Makes it stand still for so long, as a machine does that is out of memory. */
  stall(seconds: number): Promise<void>
  /** When it last stood still, if it did. */
  readonly stalledAt: number | undefined
  /** Asks it to stop, and returns its exit code. */
  stop(): Promise<number | null>
}

export function startProgram(name: string, env: Record<string, string>): Program {
  const file = fileURLToPath(new URL(`../../examples/orchestrator/${name}.ts`, import.meta.url))
  // tsx takes this repository's tsconfig.json, and so the library's sources.
  const child = spawn(process.execPath, ['--import', 'tsx', file], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
    // A group of its own, so that a kill takes the programs that it has started too.
    detached: true,
  })
  const notes: Note[] = []
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    if (line.startsWith('{')) notes.push(JSON.parse(line) as Note)
  })
  let goneAt: number | undefined
  let stalledAt: number | undefined
  const gone = once(child, 'close').then(() => (goneAt = Date.now()))
  return {
    notes,
    get goneAt() {
      return goneAt
    },
    at: () =>
      notes
        .filter(
          ({ what, id }, n) =>
            what === 'begins' && !notes.slice(n).some((later) => later.id === id && later.what === 'ends'),
        )
        .map(({ id }) => id),
    async kill() {
      if (isAlive(child)) process.kill(-(child.pid ?? 0), 'SIGKILL')
      await gone
    },
    get stalledAt() {
      return stalledAt
    },
    async stall(seconds) {
      child.kill('SIGSTOP')
      stalledAt = Date.now()
      await setTimeout(seconds * 1000)
      child.kill('SIGCONT')
    },
    async stop() {
      child.kill('SIGTERM')
      await gone
      return child.exitCode
    },
  }
}

function isAlive({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null
}

/** Asks the server, again while it is started anew, and returns the status and the body of its answer. */
export function clientOf(port: number): (method: string, path: string, body?: object) => Promise<[number, any]> {
  return async (method, path, body) =>
    await vi.waitFor(
      async () => {
        const response = await fetch(`http://127.0.0.1:${port}${path}`, {
          method,
          ...(body && { body: JSON.stringify(body) }),
        })
        if (response.status >= 500) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
        return [response.status, await response.json()] as [number, any]
      },
      { timeout: 60_000, interval: 100 },
    )
}

/** Runs that two processes worked on at one time. One that stands still works on nothing. */
export function workedOnTwice(programs: readonly Program[]): string[] {
  const spans = programs.flatMap(({ notes, goneAt = Infinity, stalledAt = Infinity }) =>
    notes.flatMap(({ id, what, at }, n) => {
      if (what === 'ends') return []
      const end = notes.slice(n).find((later) => later.id === id && later.what === 'ends')
      const to = end?.at ?? goneAt
      return [{ id, from: at, to: at < stalledAt ? Math.min(to, stalledAt) : to }]
    }),
  )
  return spans
    .filter(({ id, from, to }, n) => spans.slice(n + 1).some((o) => o.id === id && o.from < to && from < o.to))
    .map(({ id }) => id)
}
