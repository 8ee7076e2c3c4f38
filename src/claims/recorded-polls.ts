import { sql } from 'kysely'
import { lockWorkQueues } from '../locks.js'
import type { PoolPoll } from '../polls/pool-poll.js'
import type { Scope } from '../session.js'
import { and, type Condition, hasAnyId } from '../sql/lists.js'
import { writePolls } from '../work-queues/record-work-queue-polls.js'

/** Records the polls of all queues that a claim over pools asks for. */
export async function recordPollsOf(scope: Scope, poll: PoolPoll, now: Date | undefined): Promise<void> {
  const asked = await readAskedQueues(scope, poll)
  await lockWorkQueues(scope, asked)
  await writePolls(scope, asked, asked, now)
}

/** The queues that the poll asks for, paused ones and those of paused pools too. */
export async function readAskedQueues(
  { db, dialect, tables }: Scope,
  { workPoolIds, workQueueIds }: PoolPoll,
): Promise<string[]> {
  const conditions: Condition[] = []
  if (workPoolIds !== undefined) conditions.push(hasAnyId('queue.work_pool_id', workPoolIds, dialect))
  if (workQueueIds !== undefined) conditions.push(hasAnyId('queue.id', workQueueIds, dialect))
  const { rows } = await sql<{ id: string }>`
    select queue.id from ${tables.work_queue} as queue where ${and(conditions)}
  `.execute(db)
  return rows.map(({ id }) => id)
}
