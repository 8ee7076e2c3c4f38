import { setTimeout } from 'node:timers/promises'
import { type Dialect, Kysely, type QueryResult } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import { intercepted } from '../intercepted-dialect.js'

/** What a call ended in: what it returned, or the error that it threw. */
export type Ending = { readonly value: unknown } | { readonly error: Error }

/**
 * A session whose call stops before each statement until the test lets it take the next step.
 *
 * - `stopped`: before a statement
 * - `waiting`: in a statement that waits for another session's lock
 * - `ended`: the call has returned or thrown
 */
export class SteppedSession {
  readonly db: Kysely<WorkQueueTables>
  readonly #isBlocked: () => Promise<boolean>
  #status: 'running' | 'stopped' | 'waiting' | 'ended' = 'ended'
  #ending: Ending | undefined
  #go: () => void = () => {}
  #notify: () => void = () => {}

  /** @param isBlocked - Whether the session's statement waits for a lock; on SQLite never, there it fails and is tried again. */
  constructor(dialect: Dialect, isBlocked: () => Promise<boolean>) {
    this.#isBlocked = isBlocked
    this.db = new Kysely({ dialect: intercepted(dialect, (_, run) => this.#intercept(run)) })
  }

  get status(): 'running' | 'stopped' | 'waiting' | 'ended' {
    return this.#status
  }

  get ending(): Ending | undefined {
    return this.#ending
  }

  /** Lets the call run up to its first statement. */
  async start(call: (db: Kysely<WorkQueueTables>) => Promise<unknown>): Promise<void> {
    this.#status = 'running'
    this.#ending = undefined
    void call(this.db)
      .then(
        (value) => (this.#ending = { value }),
        (error: Error) => (this.#ending = { error }),
      )
      .then(() => this.#change('ended'))
    await this.#settle()
  }

  /** Lets the call run its statement, up to the next one, its end, or a lock that it has to wait for. */
  async step(): Promise<void> {
    this.#status = 'running'
    this.#go()
    await this.#settle()
  }

  /** After another session's step: sees whether a waiting statement can go on. */
  async refresh(): Promise<void> {
    if (this.#status !== 'waiting' || (await this.#isBlocked())) return
    // It may have gone on while that was asked.
    if (this.status === 'waiting') await this.step()
  }

  /** Until the session has stopped, waits, or has ended. */
  async #settle(): Promise<void> {
    while (this.#status === 'running') {
      const changed = new Promise<void>((resolve) => (this.#notify = resolve))
      await Promise.race([changed, setTimeout(3)])
      if (this.#status === 'running' && (await this.#isBlocked()) && this.#status === 'running')
        this.#status = 'waiting'
    }
  }

  async #intercept(run: () => Promise<QueryResult<unknown>>): Promise<QueryResult<unknown>> {
    await this.#stop('stopped')
    for (;;) {
      try {
        return await run()
      } catch (error) {
        // What a busy timeout would do, were the other session not in this same thread.
        if (!(error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY')) throw error
        await this.#stop('waiting')
      }
    }
  }

  async #stop(status: 'stopped' | 'waiting'): Promise<void> {
    const go = new Promise<void>((resolve) => (this.#go = resolve))
    this.#change(status)
    await go
  }

  #change(status: 'stopped' | 'waiting' | 'ended'): void {
    this.#status = status
    this.#notify()
  }
}
