import { addMilliseconds, addSeconds } from 'date-fns'
import { explainFlowRun, type FlowRunExplanation } from 'kysely-work-queues'
import type { Contract } from '../../support/describe-databases.js'
import type { Row } from '../../support/factory.js'

/** What time it is in these tests. */
export const now = new Date('2035-01-01T12:00:00.123Z')

/** A start time. */
export const due = (seconds: number, row: Row = {}): Row => ({
  next_scheduled_start_time: addSeconds(now, seconds),
  ...row,
})

/** A time a little earlier. */
export const ago = (milliseconds: number): Date => addMilliseconds(now, -milliseconds)

/** The pool whose queues have the runs that are known by their queue's name alone. */
export const agents: Row = { name: 'default-agent-pool' }

/** A pool `etl` and a queue `nightly` in it, from which nothing is kept: polled just now, with a worker online. */
export async function makePlace(
  { make }: Pick<Contract, 'make'>,
  rows: { pool?: Row; queue?: Row } = {},
): Promise<{ pool: string; queue: string }> {
  const pool = await make.pool({ name: 'etl', ...rows.pool })
  await make.worker({ work_pool_id: pool })
  const queue = await make.queue({ name: 'nightly', work_pool_id: pool, last_polled: now, ...rows.queue })
  return { pool, queue }
}

/** Explains a run at {@link now}, as polls see it. */
export async function explain({ db }: Pick<Contract, 'db'>, id: string): Promise<FlowRunExplanation> {
  return await explainFlowRun(db, id, { by: 'poll', now })
}

/** The kinds of the reasons, in order. */
export function kindsOf({ reasons }: Pick<FlowRunExplanation, 'reasons'>): string[] {
  return reasons.map((reason) => (reason.kind === 'behind' ? `behind in ${reason.scope}` : reason.kind))
}
