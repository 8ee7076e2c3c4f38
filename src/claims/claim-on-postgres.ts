import { type RawBuilder, sql } from 'kysely'
import { WorkQueueNotFoundError } from '../errors.js'
import type { FlowRun } from '../model/flow-run.js'
import { newIdHead } from '../model/ids.js'
import { encodeTime } from '../model/values.js'
import type { WorkQueue } from '../model/work-queue.js'
import type { RunsInWorkQueue } from '../polls/queue-poll.js'
import { type Scope, transact } from '../session.js'
import { type Parameter, runStatement } from '../sql/cached-statement.js'
import { timeOfStatement } from '../sql/clock.js'
import { leaseText } from '../sql/leases.js'
import { readStoredRuns } from '../sql/stored-runs.js'
import { claimByFilter, hasWorkByFilter, passAllGates, type QueueClaim } from './claim-by-filter.js'
import {
  isOpenToAll,
  isSamePlace,
  type KnownPlace,
  type Place,
  readPlace,
  recall,
  remember,
  UNLIMITED,
} from '../sql/known-queues.js'
import { fewAtOnce } from './few-at-once.js'
import {
  claimUnlimited,
  claimWithinLimits,
  lookAtQueue,
  type QueueClaimText,
  takeTurn,
} from './queue-claim.postgres.js'

/** What a statement met, and what it took; no runs when the place is not what the statement is for. */
interface Met {
  readonly place: Place
  readonly workQueue: WorkQueue
  readonly runs: readonly FlowRun[] | undefined
}

/** A place that changes more often than this while it is claimed from hands out nothing this time. */
const MOST_ATTEMPTS = 4

/**
 * Claims runs of a queue on PostgreSQL: by one statement where nothing has a limit, else by four.
 *
 * Which it is, is remembered from the last claim of the queue, and each statement finds out whether that
 * still holds. Outside a transaction, a claim that found nothing the last time looks first, so that an idle
 * one writes nothing.
 */
export async function claimOnPostgres(scope: Scope, workQueueId: string, claim: QueueClaim): Promise<RunsInWorkQueue> {
  let place = recall(scope, workQueueId) ?? UNLIMITED
  let workQueue: WorkQueue | undefined
  for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
    const met = await claimFrom(scope, workQueueId, claim, place)
    place = met === undefined ? UNLIMITED : { ...met.place, foundNothing: claim.limit > 0 && met.runs?.length === 0 }
    remember(scope, workQueueId, place)
    if (met?.runs !== undefined) return { workQueue: met.workQueue, runs: [...met.runs] }
    workQueue = met?.workQueue ?? workQueue
  }
  if (workQueue === undefined) throw new WorkQueueNotFoundError(workQueueId)
  return { workQueue, runs: [] }
}

/** Claims from a place as it is known; `undefined` when its pool, or whether that has a limit, is another. */
async function claimFrom(
  scope: Scope,
  workQueueId: string,
  claim: QueueClaim,
  place: KnownPlace,
): Promise<Met | undefined> {
  if (place.foundNothing && !scope.isTransaction && !claim.recordPolls) {
    const seen = await look(scope, workQueueId, claim, place)
    if (seen.runs !== undefined) return seen
  }
  if (isOpenToAll(place)) return await claimAtOnce(scope, workQueueId, claim, place)
  const owner = place.isPoolLimited ? place.workPoolId : workQueueId
  return await fewAtOnce(scope, owner, () =>
    transact(scope, (inside) => claimInTurn(inside, workQueueId, claim, place, !scope.isTransaction)),
  )
}

/** Whether there is anything to claim: nothing when the place is paused, has no open slots or no due run. */
async function look(scope: Scope, workQueueId: string, claim: QueueClaim, known: KnownPlace): Promise<Met> {
  const [row] = await send(scope, 'look', claim, workQueueId, known, (text) => lookAtQueue(scope, text, known))
  const { place, workQueue, isSame } = read(row, workQueueId, known)
  const hasWork = async (): Promise<boolean> =>
    place.hasFilter ? await hasWorkByFilter(scope, workQueue, claim) : row?.hasWork === 'true'
  const isIdle = place.isPaused || (isSame && !(await hasWork()))
  return { place, workQueue, runs: isIdle ? [] : undefined }
}

async function claimAtOnce(scope: Scope, workQueueId: string, claim: QueueClaim, known: Place): Promise<Met> {
  const rows = await send(scope, 'claim-at-once', claim, workQueueId, known, (text) =>
    claimUnlimited(scope, text, known.takesNames),
  )
  const { place, workQueue, isSame } = read(rows[0], workQueueId, known)
  return { place, workQueue, runs: place.isPaused ? [] : isSame ? readStoredRuns(rows) : undefined }
}

async function claimInTurn(
  scope: Scope,
  workQueueId: string,
  claim: QueueClaim,
  known: Place,
  inLine: boolean,
): Promise<Met | undefined> {
  let expected = known
  let met: Met | undefined
  for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
    const taken = expected
    if (taken.hasFilter) await passAllGates(scope)
    const name = inLine ? 'turn-in-line' : 'turn'
    const [row] = await send(scope, name, claim, workQueueId, taken, (text) => takeTurn(scope, text, taken, inLine))
    if (row === undefined) return undefined
    const { place, workQueue, isSame } = read(row, workQueueId, taken)
    if (place.isPaused) return { place, workQueue, runs: [] }
    if (isSame && place.hasFilter) return { place, workQueue, runs: await claimByFilter(scope, workQueue, claim) }
    if (isSame) {
      const rows = await send(scope, 'claim-in-turn', claim, workQueueId, place, (text) =>
        claimWithinLimits(scope, text, place),
      )
      return { place, workQueue, runs: readStoredRuns(rows) }
    }
    met = { place, workQueue, runs: undefined }
    // All gates come before the rows, so it begins anew.
    if (place.hasFilter) break
    expected = place
  }
  return met
}

interface Row {
  readonly place: string
  /** The queue with its poll recorded. */
  readonly polled?: string | null
  readonly run?: string | null
  readonly hasWork?: string
}

/** What a row says of the place, and whether that is what the statement took it for. */
function read(
  row: Row | undefined,
  workQueueId: string,
  known: Place,
): { place: Place; workQueue: WorkQueue; isSame: boolean } {
  if (row === undefined) throw new WorkQueueNotFoundError(workQueueId)
  const { place, workQueue } = readPlace(row.place, row.polled)
  return { place, workQueue, isSame: isSamePlace(place, known) }
}

/** Sends a statement of a claim, whose text depends on the place and on which options are given. */
async function send(
  scope: Scope,
  name: string,
  { limit, scheduledBefore, now, recordPolls, lease }: QueueClaim,
  workQueueId: string,
  place: Place,
  build: (text: QueueClaimText) => RawBuilder<object>,
): Promise<Row[]> {
  const { isQueueLimited, isPoolLimited, takesNames } = place
  const due = scheduledBefore === undefined ? 'now' : scheduledBefore === null ? 'all' : 'given'
  const shape = `queue-${name} ${isQueueLimited} ${isPoolLimited} ${takesNames} ${due} ${now === undefined} ${recordPolls} ${lease !== undefined}`
  const values = {
    workQueueId,
    workPoolId: place.workPoolId,
    limit,
    scheduledBefore: scheduledBefore ? encodeTime(scheduledBefore, 'postgres') : undefined,
    now: now && encodeTime(now, 'postgres'),
    stateIdHead: newIdHead(),
    ...lease,
  }
  const toText = (parameter: Parameter): RawBuilder<Row> => {
    const time = (name: string): RawBuilder<unknown> => sql`cast(${parameter(name)} as timestamptz)`
    const asked = now === undefined ? undefined : time('now')
    const dueAt = {
      now: asked ?? timeOfStatement(undefined, 'postgres'),
      all: undefined,
      given: time('scheduledBefore'),
    }
    return build({
      workQueueId: sql`cast(${parameter('workQueueId')} as uuid)`,
      workPoolId: sql`cast(${parameter('workPoolId')} as uuid)`,
      limit: sql`cast(${parameter('limit')} as integer)`,
      scheduledBefore: dueAt[due],
      now: asked,
      stateIdHead: sql`cast(${parameter('stateIdHead')} as text)`,
      recordsPoll: recordPolls,
      lease: lease && leaseText(parameter),
    }) as RawBuilder<Row>
  }
  return await runStatement<Row>(scope, shape, toText, values)
}
