import { type RawBuilder, sql } from 'kysely'
import { enterQueues, lockWorkQueues, takeTurns } from '../locks.js'
import { readStoredRun } from '../sql/stored-runs.js'
import type { NewLease } from '../model/flow-run-lease.js'
import { newIdHead } from '../model/ids.js'
import { encodeTime } from '../model/values.js'
import { type PoolPoll, pollPools, type ScheduledFlowRun, sendPoolPoll } from '../polls/pool-poll.js'
import { type Scope, transact } from '../session.js'
import { CLAIM_SLOTS } from '../sql/active-runs.js'
import { writePolls } from '../work-queues/record-work-queue-polls.js'
import { leaseText } from '../sql/leases.js'
import { recallPools, rememberPools } from '../sql/known-queues.js'
import { fewAtOnce } from './few-at-once.js'
import { claimHeldPools, claimUnlimitedPools, type PoolClaimText } from './pool-claim.postgres.js'
import { readAskedQueues, recordPollsOf } from './recorded-polls.js'

/** How a claim over pools is made, beside its poll. */
export interface PoolClaimOptions {
  /** `undefined`: the clock. */
  readonly now: Date | undefined
  readonly recordPolls: boolean
  /** `undefined`: in nobody's name. */
  readonly lease: NewLease | undefined
}

/**
 * Claims runs over pools on PostgreSQL: by one statement where nothing that is asked for has a limit. Else it
 * looks which pools and queues it will take runs of, takes their turns, and claims by one statement more: to
 * hold every limited queue of a large pool would cost more than the claim.
 */
export async function claimPoolsOnPostgres(
  scope: Scope,
  poll: PoolPoll,
  options: PoolClaimOptions,
): Promise<ScheduledFlowRun[]> {
  if (!options.recordPolls && recallPools(scope, poll)?.isPoolLimited !== true) {
    const claimed = await claimAtOnce(scope, poll, options)
    if (claimed !== undefined) return claimed
  }
  // Inside a transaction, the look has to be part of it.
  if (scope.isTransaction) return await claimInTurn(scope, poll, options, await look(scope, poll), false)
  const seen = await look(scope, poll)
  if (seen.length === 0 && !options.recordPolls) return []
  if (seen.length === 0) {
    await transact(scope, (inside) => recordPollsOf(inside, poll, options.now))
    return []
  }
  return await fewAtOnce(scope, JSON.stringify([poll.workPoolIds, poll.workQueueIds]), () =>
    transact(scope, (inside) => claimInTurn(inside, poll, options, seen, true)),
  )
}

/** The queues that there are runs to claim of. */
async function look(scope: Scope, poll: PoolPoll): Promise<string[]> {
  const seen = await pollPools(scope, poll, CLAIM_SLOTS)
  return [...new Set(seen.map(({ workQueueId }) => workQueueId))]
}

/** `undefined`, and nothing done, when one of the pools or queues has a limit. */
async function claimAtOnce(
  scope: Scope,
  poll: PoolPoll,
  options: PoolClaimOptions,
): Promise<ScheduledFlowRun[] | undefined> {
  const rows = await send(scope, 'claim-pools-at-once', poll, options, (text) => claimUnlimitedPools(scope, text))
  const isLimited = rows[0]?.hasLimit === 'true'
  rememberPools(scope, poll, { isPoolLimited: isLimited })
  return isLimited ? undefined : rows.flatMap(toScheduledFlowRun)
}

/** Holds the pools and queues that it will take runs of, and claims from them. */
async function claimInTurn(
  scope: Scope,
  poll: PoolPoll,
  options: PoolClaimOptions,
  found: readonly string[],
  inLine: boolean,
): Promise<ScheduledFlowRun[]> {
  const { now, recordPolls } = options
  const asked = recordPolls ? await readAskedQueues(scope, poll) : []
  const gatesOf = [...new Set([...found, ...asked])]
  if (gatesOf.length === 0) return []
  const entered = await enterQueues(scope, found, gatesOf)
  const pools = entered.filter(({ isPoolLimited }) => isPoolLimited).map(({ workPoolId }) => workPoolId)
  await takeTurns(scope, 'work_pool', [...new Set(pools)], inLine)
  const queues = entered.filter(({ isQueueLimited }) => isQueueLimited).map(({ workQueueId }) => workQueueId)
  // Another claim may meet limits again, and then remembers them.
  if (entered.length > 0 && pools.length + queues.length === 0) rememberPools(scope, poll, { isPoolLimited: false })
  // Before any of them is written, in one order with those that are only recorded.
  if (recordPolls) await lockWorkQueues(scope, [...new Set([...queues, ...asked])])
  // Not with rows in hand.
  await takeTurns(scope, 'work_queue', queues, inLine && !recordPolls && pools.length === 0)
  if (recordPolls) await writePolls(scope, asked, asked, now)
  if (entered.length === 0) return []

  const held: PoolPoll = {
    ...poll,
    workPoolIds: [...new Set(entered.map(({ workPoolId }) => workPoolId))],
    workQueueIds: entered.map(({ workQueueId }) => workQueueId),
  }
  const rows = await send(scope, 'claim-held-pools', held, options, (text) => claimHeldPools(scope, text))
  return rows.flatMap(toScheduledFlowRun)
}

interface Row {
  readonly hasLimit?: string
  readonly workPoolId: string
  readonly workQueueId: string
  readonly run: string | null
}

function toScheduledFlowRun({ workPoolId, workQueueId, run }: Row): ScheduledFlowRun[] {
  if (run === null) return []
  return [{ workPoolId, workQueueId, flowRun: readStoredRun(run) }]
}

async function send(
  scope: Scope,
  name: string,
  poll: PoolPoll,
  { now, lease }: PoolClaimOptions,
  build: (text: PoolClaimText) => RawBuilder<object>,
): Promise<Row[]> {
  const shape = `${name} ${now === undefined} ${lease !== undefined}`
  return await sendPoolPoll<Row>(scope, shape, { ...poll, lock: true }, CLAIM_SLOTS, {
    build: (text, parameter) =>
      build({
        poll: text,
        now: now === undefined ? undefined : sql`cast(${parameter('now')} as timestamptz)`,
        stateIdHead: sql`cast(${parameter('stateIdHead')} as text)`,
        lease: lease && leaseText(parameter),
      }) as RawBuilder<Row>,
    values: { now: now && encodeTime(now, 'postgres'), stateIdHead: newIdHead(), ...lease },
  })
}
