import type { FlowRun } from '../../model/flow-run.js'
import type { RequiredTables, Session } from '../../session.js'
import { readWorkQueueSlotHolders } from '../../slots/read-work-queue-slot-holders.js'
import type { HandOut, Overshoot, SlotCount, SlotOwner } from './history.js'
import { queueOf, type World } from './world.js'

/**
 * Who occupies which slots. It is kept apart from the database, by what the pollers did: so it would see if
 * claims miscounted.
 */
export interface Ledger {
  readonly slots: SlotCount[]
  readonly overshoots: Overshoot[]
  /** A run takes a slot of its queue and of its pool. */
  enter(run: FlowRun, handOut: HandOut, at: Date): void
  /** A run frees its slots. */
  leave(runId: string, at: Date): void
  /** A queue or a pool has another limit now. */
  setLimit(ownerId: string, limit: number | null, at: Date): void
}

interface Account extends SlotOwner {
  readonly id: string
  limit: number | null
  readonly active: Set<string>
}

/** Opens an account for every queue and pool, with those runs in it that are active already. */
export async function createLedger(session: Session<RequiredTables>, world: World, start: Date): Promise<Ledger> {
  const slots: SlotCount[] = []
  const overshoots: Overshoot[] = []
  const accounts = new Map<string, Account>()
  for (const { id, name, concurrencyLimit } of world.pools) {
    accounts.set(id, { id, kind: 'pool', queue: null, pool: name, limit: concurrencyLimit, active: new Set() })
  }
  for (const { id, name, pool, workPoolId, concurrencyLimit } of world.queues) {
    const holders = (await readWorkQueueSlotHolders(session, id)).map(({ flowRun }) => flowRun)
    const active = new Set(holders.map((run) => run.id))
    for (const run of holders) if (queueOf(world, run)?.id === id) accounts.get(workPoolId)?.active.add(run.id)
    accounts.set(id, { id, kind: 'queue', queue: name, pool, limit: concurrencyLimit, active })
  }

  const note = ({ kind, queue, pool, limit, active }: Account, at: Date): void => {
    slots.push({ at, kind, queue, pool, limit, active: active.size })
  }
  for (const account of accounts.values()) note(account, start)

  /** The queue that the run belongs to, and its pool. */
  const accountsOf = (run: FlowRun): Account[] => {
    const queue = queueOf(world, run)
    return [queue && accounts.get(queue.id), queue && accounts.get(queue.workPoolId)].filter(
      (account) => account !== undefined,
    )
  }

  return {
    slots,
    overshoots,
    enter(run, handOut, at) {
      for (const account of accountsOf(run)) {
        account.active.add(run.id)
        note(account, at)
        const { kind, queue, pool, limit } = account
        const active = account.active.size
        if (limit !== null && active > limit) {
          overshoots.push({ at, kind, queue, pool, limit, active, run: run.name, poller: handOut.poller })
        }
      }
    },
    leave(runId, at) {
      for (const account of accounts.values()) if (account.active.delete(runId)) note(account, at)
    },
    setLimit(ownerId, limit, at) {
      const account = accounts.get(ownerId)
      if (account === undefined) return
      account.limit = limit
      note(account, at)
    },
  }
}
