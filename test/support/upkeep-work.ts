import { addSeconds } from 'date-fns'
import type { UpkeepFunction } from 'kysely-work-queues'
import type { DatabaseKind } from './databases.js'
import type { Contract } from './describe-databases.js'
import { testId } from './factory.js'

export const now = new Date('2035-01-01T12:00:00.123Z')
export const at = (seconds: number): Date => addSeconds(now, seconds)
export const PRUNING = { pruneWorkersAfterSeconds: 100, pruneFlowRunsAfterSeconds: 100 }
/** What frees slots, then what is shown, then what takes long. */

export const ORDER: readonly UpkeepFunction[] = [
  'releaseExpiredLeases',
  'releaseStaleClaims',
  'markFlowRunsCancelled',
  'markLateFlowRuns',
  'markWorkersOffline',
  'markWorkPoolsNotReady',
  'markWorkQueuesNotReady',
  'pruneWorkers',
  'pruneFlowRuns',
]

/** The ids of what each function is to change. Without a table of leases, nobody releases them. */
type Work = Record<Exclude<UpkeepFunction, 'releaseExpiredLeases'>, string[]> & { releaseExpiredLeases?: string[] }

/** Something for each function to do, and beside it what it leaves alone: one that is a second younger. Returns what is to change. */
export async function makeWork({ make, kind }: Pick<Contract, 'make' | 'kind'>): Promise<Work> {
  const pool = await make.pool({ status: 'READY' })
  const idle = await make.pool({ status: 'READY' })
  const queue = async (seconds: number): Promise<string> =>
    await make.queue({ work_pool_id: pool, status: 'READY', last_polled: at(seconds) })
  const worker = async (seconds: number, status: string): Promise<string> =>
    await make.worker({ work_pool_id: pool, last_heartbeat_time: at(seconds), status })
  const run = async (state_type: string, seconds: number): Promise<string> =>
    await make.run({
      state_type,
      state_timestamp: at(seconds),
      end_time: at(seconds),
      // A claim that is given back is late at once, if it was due.
      next_scheduled_start_time: at(state_type === 'PENDING' ? 60 : seconds),
      expected_start_time: at(seconds),
    })
  const leased = async (expires: number): Promise<string[]> => {
    const [id, state_id, since] = [await run('PENDING', -30), testId(Math.abs(expires), 7), at(-30)]
    await make.set('flow_run', id, { state_id })
    await make.state({ id: state_id, flow_run_id: id, type: 'PENDING', name: 'Pending', timestamp: since })
    await make.lease({ flow_run_id: id, state_id, acquired_at: since, expires_at: at(expires) })
    return [id]
  }
  const work = {
    ...(hasLeases(kind) && { releaseExpiredLeases: await leased(-1) }),
    releaseStaleClaims: [await run('PENDING', -601)],
    markFlowRunsCancelled: [await run('CANCELLING', -301)],
    markLateFlowRuns: [await run('SCHEDULED', -15)],
    markWorkersOffline: [await worker(-91, 'ONLINE')],
    markWorkPoolsNotReady: [idle],
    markWorkQueuesNotReady: [await queue(-61)],
    pruneWorkers: [await worker(-101, 'OFFLINE')],
    pruneFlowRuns: [await run('FAILED', -102), await run('COMPLETED', -101)],
  }
  if (hasLeases(kind)) await leased(2)
  await queue(-60)
  await worker(-90, 'ONLINE')
  await worker(-100, 'OFFLINE')
  await run('PENDING', -600)
  await run('CANCELLING', -300)
  await run('SCHEDULED', -14)
  await run('COMPLETED', -100)
  return work
}

/** Whether there is a table of leases, as in all but Prefect's own tables. */
export function hasLeases({ name }: Pick<DatabaseKind, 'name'>): boolean {
  return !name.startsWith('Prefect')
}
