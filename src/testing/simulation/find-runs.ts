import type { Kysely } from 'kysely'
import * as z from 'zod'
import { claimRunsInWorkQueue } from '../../claims/claim-runs-in-work-queue.js'
import { claimScheduledFlowRuns } from '../../claims/claim-scheduled-flow-runs.js'
import { hasAnyId } from '../../sql/lists.js'
import { InvalidInputError } from '../../errors.js'
import { readFlowRuns } from '../../flow-runs/read-flow-runs.js'
import { check, idSchema } from '../../model/checks.js'
import type { FlowRun } from '../../model/flow-run.js'
import { open, type RequiredTables, type Session } from '../../session.js'
import { getScheduledFlowRuns } from '../../polls/get-scheduled-flow-runs.js'
import { getRunsInWorkQueue } from '../../polls/get-runs-in-work-queue.js'
import type { SimulatedClaim, SimulatedClaimRequest } from './options.js'
import { queueOf, type World } from './world.js'

const idsSchema = z.array(idSchema)

/** What a poller looks at: one queue, one pool, or all pools. */
export interface Target {
  readonly workQueueId?: string | undefined
  readonly workPoolIds?: readonly string[] | undefined
  readonly limit?: number | undefined
}

/** In whose name runs are claimed, if in any. */
export interface TargetLease {
  readonly holder: string | undefined
  readonly leaseSeconds: number | undefined
}

/** A run that a poller found, and the queue it was found in. */
export interface FoundRun {
  readonly workQueueId: string | undefined
  readonly flowRun: FlowRun
}

/** Claims runs, as a poller does that uses the library's claims. */
export async function claimRuns(
  session: Session<RequiredTables>,
  { workQueueId, workPoolIds, limit }: Target,
  lease: TargetLease,
  now: Date,
): Promise<FoundRun[]> {
  if (workQueueId === undefined) {
    return await claimScheduledFlowRuns(session, { workPoolIds, limit, scheduledBefore: now, now, ...lease })
  }
  const { runs } = await claimRunsInWorkQueue(session, workQueueId, { limit, scheduledBefore: now, now, ...lease })
  return runs.map((flowRun) => ({ workQueueId, flowRun }))
}

/** Claims runs, as a poller does that uses the host's own claim. */
export async function claimAsHost(
  session: Session<RequiredTables>,
  host: unknown,
  claim: SimulatedClaim<any>,
  request: SimulatedClaimRequest,
  world: World,
): Promise<FoundRun[]> {
  const ids = check(idsSchema, await claim(host as Kysely<any>, request), 'claim')
  const read = await readFlowRuns(session, { filter: { id: { any: [...new Set(ids)] } } })
  const runs = new Map(read.map((flowRun) => [flowRun.id, flowRun]))
  return ids.map((id) => {
    const flowRun = runs.get(id)
    if (flowRun === undefined) throw new InvalidInputError([{ path: 'claim', message: `returned no flow run: ${id}` }])
    return { workQueueId: request.workQueueId ?? queueOf(world, flowRun)?.id, flowRun }
  })
}

/** Reads runs, as Prefect's pollers do, and passes over those that other polls have locked. */
export async function pollRuns(
  session: Session<RequiredTables>,
  { workQueueId, workPoolIds, limit }: Target,
  now: Date,
  lockedIds: readonly string[],
): Promise<FoundRun[]> {
  return await passingOver(session, lockedIds, async (db) => {
    if (workQueueId === undefined) {
      return await getScheduledFlowRuns(db, { workPoolIds, limit, scheduledBefore: now })
    }
    const { runs } = await getRunsInWorkQueue(db, workQueueId, { limit, scheduledBefore: now })
    return runs.map((flowRun) => ({ workQueueId, flowRun }))
  })
}

/**
 * What PostgreSQL's `for update skip locked` makes of another transaction's locks, on every database and with
 * one connection: the runs that are locked are not there for the poll, and occupy no slot.
 */
async function passingOver<T>(
  session: Session<RequiredTables>,
  lockedIds: readonly string[],
  poll: (session: Session<RequiredTables>) => Promise<T>,
): Promise<T> {
  if (lockedIds.length === 0) return await poll(session)
  return await open(session, async ({ db, dialect }) => {
    const isLocked = hasAnyId('flow_run.id', lockedIds, dialect)
    await db
      .updateTable('flow_run')
      .set({ state_type: null })
      .where(isLocked)
      .where('state_type', '=', 'SCHEDULED')
      .execute()
    try {
      return await poll(db as Session<RequiredTables>)
    } finally {
      await db
        .updateTable('flow_run')
        .set({ state_type: 'SCHEDULED' })
        .where(isLocked)
        .where('state_type', 'is', null)
        .execute()
    }
  })
}
