import { type RequiredTables, type Session, takeEvents } from 'kysely-work-queues'
import { every } from '../orchestrator/loop.js'

/** Passes the word that something changed on to every page that is open. */
export class ChangeFeed {
  readonly #listeners = new Set<() => void>()

  /** Something changed: pages look again. */
  tell(): void {
    for (const listener of this.#listeners) listener()
  }

  /** Calls back at each change, until the returned function is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

const SECONDS_BETWEEN = 0.25
const BATCH = 1000

/**
 * Takes the events of the log and tells the feed, until the signal says to stop. Taken events are gone: a host that does something about
 * them calls `tell` where it does, and not this.
 */
export async function feedByEvents<DB extends RequiredTables>(
  db: Session<DB>,
  feed: ChangeFeed,
  signal: AbortSignal,
): Promise<void> {
  await every(SECONDS_BETWEEN, signal, async () => {
    const events = await takeEvents(db, { limit: BATCH })
    if (events.length > 0) feed.tell()
  })
}
