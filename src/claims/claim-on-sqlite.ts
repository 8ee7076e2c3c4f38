import { sql } from 'kysely'
import { WorkQueueNotFoundError } from '../errors.js'
import { decode } from '../model/columns.js'
import type { FlowRun } from '../model/flow-run.js'
import { decodeBoolean, encodeTime } from '../model/values.js'
import { type WorkQueue, workQueueColumns } from '../model/work-queue.js'
import type { RunsInWorkQueue } from '../polls/queue-poll.js'
import { type Scope, transact } from '../session.js'
import { runStatement } from '../sql/cached-statement.js'
import { claimByFilter, hasWorkByFilter, type QueueClaim } from './claim-by-filter.js'
import { enterPendingRuns } from './enter-pending-runs.js'
import { isSamePlace, type KnownPlace, type Place, recall, remember, UNLIMITED } from '../sql/known-queues.js'
import { checkPicked, type PickedRun } from './picked-run.js'
import { pickRuns, recordPoll } from './queue-claim.sqlite.js'

/** A claim whose time is known: on SQLite it is that of the process. */
type TimedClaim = QueueClaim & { readonly now: Date }

/** What there is to claim. */
interface Picked {
  readonly place: Place
  readonly workQueue: WorkQueue
  readonly runs: readonly PickedRun[]
}

/**
 * Claims runs of a queue on SQLite, in a transaction that begins with a write. A claim that found nothing the
 * last time looks first, so that an idle one does not wait for the write lock.
 */
export async function claimOnSqlite(scope: Scope, workQueueId: string, claim: QueueClaim): Promise<RunsInWorkQueue> {
  const known = recall(scope, workQueueId) ?? UNLIMITED
  if (known.foundNothing && !scope.isTransaction && !claim.recordPolls) {
    const timed = { ...claim, now: claim.now ?? new Date() }
    const { place, workQueue, runs } = await pick(scope, workQueueId, timed, known)
    const hasWork = place.hasFilter ? await hasWorkByFilter(scope, workQueue, timed) : runs.length > 0
    if (place.isPaused || !hasWork) return { workQueue, runs: [] }
  }
  const claimed = await transact(scope, async (inside) => {
    // Only now, since the transaction may have waited for the write lock.
    const timed = { ...claim, now: claim.now ?? new Date() }
    const values = { workQueueId, now: encodeTime(timed.now, 'sqlite') }
    if (claim.recordPolls) {
      await runStatement(inside, 'queue-claim-poll', (p) => recordPoll(inside, p('workQueueId'), p('now')), values)
    }
    const picked = await pick(inside, workQueueId, timed, known)
    const runs = picked.place.isPaused
      ? []
      : picked.place.hasFilter
        ? await claimByFilter(inside, picked.workQueue, timed)
        : await enterPicked(inside, picked.runs, timed)
    return { ...picked, runs }
  })
  remember(scope, workQueueId, { ...claimed.place, foundNothing: claim.limit > 0 && claimed.runs.length === 0 })
  return { workQueue: claimed.workQueue, runs: claimed.runs }
}

/** What the statement for another place has picked is not looked at, nor what a paused queue has. */
async function enterPicked(scope: Scope, runs: readonly PickedRun[], claim: TimedClaim): Promise<FlowRun[]> {
  runs.forEach(checkPicked)
  return await enterPendingRuns(
    scope,
    runs.map(({ id }) => id),
    claim,
  )
}

/**
 * What there is to claim, by the statement for the place as it is known, and by the one for what it is if
 * that is another.
 */
async function pick(scope: Scope, workQueueId: string, claim: TimedClaim, known: KnownPlace): Promise<Picked> {
  const picked = await pickFrom(scope, workQueueId, claim, known)
  return isSamePlace(picked.place, known) ? picked : await pickFrom(scope, workQueueId, claim, picked.place)
}

async function pickFrom(
  scope: Scope,
  workQueueId: string,
  { limit, scheduledBefore, now }: TimedClaim,
  known: Place,
): Promise<Picked> {
  const { isQueueLimited, isPoolLimited, takesNames } = known
  const isAnyDue = scheduledBefore === null
  const shape = `queue-claim-pick ${isQueueLimited} ${isPoolLimited} ${takesNames} ${isAnyDue}`
  const rows = await runStatement<PickedRow>(
    scope,
    shape,
    (parameter) =>
      pickRuns(
        scope,
        {
          workQueueId: parameter('workQueueId'),
          limit: sql`cast(${parameter('limit')} as integer)`,
          scheduledBefore: isAnyDue ? undefined : parameter('scheduledBefore'),
        },
        known,
      ) as never,
    { workQueueId, limit, scheduledBefore: isAnyDue ? undefined : encodeTime(scheduledBefore ?? now, 'sqlite') },
  )
  const [row] = rows
  if (row === undefined) throw new WorkQueueNotFoundError(workQueueId)
  const workQueue = decode(workQueueColumns, row, 'queue.')
  const place = {
    workPoolId: workQueue.workPoolId,
    isQueueLimited: decodeBoolean(row.isQueueLimited),
    isPoolLimited: decodeBoolean(row.isPoolLimited),
    isPaused: decodeBoolean(row.isPaused),
    takesNames: decodeBoolean(row.takesNames),
    hasFilter: decodeBoolean(row.hasFilter),
  }
  const runs = JSON.parse(row.runs) as [id: string, nextScheduledStartTime: unknown, stateTimestamp: unknown][]
  return {
    place,
    workQueue,
    runs: runs.map(([id, nextScheduledStartTime, stateTimestamp]) => ({ id, nextScheduledStartTime, stateTimestamp })),
  }
}

interface PickedRow extends Record<keyof Place, unknown> {
  /** The runs, as JSON. */
  readonly runs: string
}
