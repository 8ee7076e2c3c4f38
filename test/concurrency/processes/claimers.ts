import { type ChildProcess, fork } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { randomBelow, type RandomBelow } from '../../support/random-below.js'

export type IsolationLevel = 'read committed' | 'repeatable read' | 'serializable'

/** What a claimer is started with. */
export interface ClaimerSettings {
  /** PostgreSQL's URL, or SQLite's file. */
  readonly url: string
  /** `undefined` on SQLite. */
  readonly isolation: IsolationLevel | undefined
  readonly workPoolIds: readonly string[]
  readonly workQueueIds: readonly string[]
  readonly seed: number
  /** The file where it notes the runs that it was given, and the states that it put them in. */
  readonly journal: string
  /** Whose leases its claims get, and how long they are. */
  readonly holder: string
  readonly leaseSeconds: number
  /** When it kills itself: after so many statements, counted from its start or from its first claim that gave it runs. */
  readonly death?: { readonly after: number; readonly inWork: boolean } | undefined
}

/** What a claimer tells when it ends in peace. */
export interface ClaimerCounts {
  /** Transactions that PostgreSQL asked to be tried again. */
  conflicts: number
  /** Those of them that were deadlocks. */
  deadlocks: number
  /** Writes that were refused, since the run was released meanwhile. */
  refused: number
}

/** What there is to start claimers with, and how many of them shall be killed. */
export interface ClaimersOptions extends Omit<ClaimerSettings, 'journal' | 'death' | 'holder'> {
  /** The claimer's script, as {@link bundleClaimer} has made it. */
  readonly script: string
  readonly directory: string
  readonly claimers: number
  readonly kills: number
  /** How often one is frozen, for longer than its leases are. */
  readonly freezes: number
}

/** What a claimer has noted. */
export interface JournalEntry {
  readonly holder: string
  readonly what: 'claimed' | 'entered'
  readonly run: string
  readonly state: string
}

/**
 * Claimers in processes of their own, of which one after the other kills itself with SIGKILL, and is replaced. The first has all
 * runs to itself and dies with runs in its hands; then the others are let go. Others are frozen at any moment, longer than their leases
 * are, and go on then.
 */
export class Claimers {
  readonly counts: ClaimerCounts = { conflicts: 0, deadlocks: 0, refused: 0 }
  /** What ended claimers that nobody killed. */
  readonly errors: string[] = []
  kills = 0
  freezes = 0
  readonly #options: ClaimersOptions
  readonly #below: RandomBelow
  readonly #processes = new Set<ChildProcess>()
  /** Those that are not let go yet. */
  readonly #waiting = new Set<ChildProcess>()
  #started = 0
  #doomed = 0
  #isStopping = false

  constructor(options: ClaimersOptions) {
    this.#options = options
    this.#below = randomBelow(options.seed)
    for (let n = 0; n < options.claimers; n++) this.#start()
  }

  /** What all claimers have noted, in each one's order. */
  readJournals(): JournalEntry[] {
    const { directory } = this.#options
    return readdirSync(directory)
      .filter((file) => file.endsWith('.journal'))
      .flatMap((file) => {
        const holder = file.replace('.journal', '')
        return readFileSync(join(directory, file), 'utf8')
          .split('\n')
          .map((line) => line.split(' '))
          .flatMap(([what, run = '', state]) =>
            state === undefined ? [] : [{ holder, what, run, state } as JournalEntry],
          )
      })
  }

  /** Freezes one of them for a while, at whatever it is doing. */
  async freeze(): Promise<void> {
    const [claimer] = [...this.#processes].filter((other) => !this.#waiting.has(other)).slice(this.freezes % 2)
    if (claimer === undefined) return
    claimer.kill('SIGSTOP')
    await setTimeout(1000 * this.#options.leaseSeconds + 700)
    claimer.kill('SIGCONT')
    this.freezes++
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await Promise.all(
      [...this.#processes].map(async (claimer) => {
        const exited = new Promise((resolve) => claimer.once('close', resolve))
        if (claimer.connected) claimer.send('stop')
        await exited
      }),
    )
  }

  #start(): void {
    const { script, directory, claimers, kills, freezes: _, ...rest } = this.#options
    const n = this.#started++
    // Half of the claimers at most are doomed at a time, so that the others go on; whoever replaces one of them is doomed too.
    const isDoomed = this.#doomed < kills && (n >= claimers || n % 2 === 0)
    if (isDoomed) this.#doomed++
    const inWork = this.#doomed % 2 === 1
    const settings: ClaimerSettings = {
      ...rest,
      seed: rest.seed + 7919 * n,
      holder: `claimer-${n}`,
      journal: join(directory, `claimer-${n}.journal`),
      ...(isDoomed ? { death: { after: 1 + this.#below(inWork ? 12 : 200), inWork } } : {}),
    }
    const claimer = fork(script, [JSON.stringify(settings)], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    let error = ''
    claimer.stderr?.on('data', (text: Buffer) => (error += text.toString()))
    claimer.on('message', (message: 'ready' | ClaimerCounts) => {
      if (message === 'ready') {
        if (n === 0 || this.kills > 0) claimer.send('go')
        else this.#waiting.add(claimer)
      } else {
        this.counts.conflicts += message.conflicts
        this.counts.deadlocks += message.deadlocks
        this.counts.refused += message.refused
      }
    })
    claimer.on('close', (code, signal) => {
      this.#processes.delete(claimer)
      if (signal === 'SIGKILL') this.kills++
      else if (code !== 0) this.errors.push(`${code ?? signal} ${error}`)
      for (const other of this.#waiting) other.send('go')
      this.#waiting.clear()
      if (signal === 'SIGKILL' && !this.#isStopping) this.#start()
    })
    this.#processes.add(claimer)
  }
}
