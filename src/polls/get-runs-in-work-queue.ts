import * as z from 'zod'
import { check, countSchema, idSchema, timeSchema } from '../model/checks.js'
import { open, type RequiredTables, type Session } from '../session.js'
import { pollWorkQueue, type RunsInWorkQueue } from './queue-poll.js'

/** Which runs a poll asks for. */
export interface GetRunsInWorkQueueOptions {
  /** How many at most. Default: as many as are due and may start. */
  limit?: number | undefined
  /** Only runs that are due at this time. Default: every SCHEDULED run. */
  scheduledBefore?: Date | undefined
}

const optionsSchema = z.strictObject({ limit: countSchema.optional(), scheduledBefore: timeSchema.optional() })

/**
 * Polls a work queue: reads the runs that may start now, and changes nothing.
 *
 * These are the queue's SCHEDULED runs, due at `scheduledBefore` if that is given, by next scheduled start
 * (those without one last), then by id; none when the queue is paused; at most the open slots when it has a
 * concurrency limit (PENDING, RUNNING and CANCELLING runs occupy); at most `limit`. A run belongs to the
 * queue by `workQueueId`; without one, by `workQueueName`, when the queue is in the default agent pool.
 *
 * One statement, which outside a transaction writes and locks nothing: the next poll returns the same runs
 * again. (On PostgreSQL one more, just after the queue was given a limit.) Inside a PostgreSQL transaction
 * the runs are locked (`for update skip locked`), so that polls in other transactions pass over them.
 *
 * A queue with a `filter` (deprecated) takes instead the runs with all of its tags and of one of its
 * deployments, whatever their queue, and counts PENDING and RUNNING runs of the same filter against its
 * limit. That takes a second statement.
 *
 * @throws {InvalidInputError} when an argument is not valid.
 * @throws {WorkQueueNotFoundError} when there is no such queue.
 *
 * @example
 * ```ts
 * const { runs } = await getRunsInWorkQueue(db, queue.id, { scheduledBefore: new Date(), limit: 10 })
 * ```
 */
export async function getRunsInWorkQueue<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  options: GetRunsInWorkQueueOptions = {},
): Promise<RunsInWorkQueue> {
  const workQueueId = check(idSchema, id, 'id')
  const poll = check(optionsSchema, options)
  return await open(session, async (scope) => {
    return await pollWorkQueue(scope, workQueueId, { ...poll, lock: scope.isTransaction })
  })
}
