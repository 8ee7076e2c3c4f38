import type { Step, StepTrace } from './replay.js'

/** One of Prefect's errors, and what the library throws in its place. */
interface Renaming {
  readonly prefect: string
  /** The operation that it comes from. Default: any. */
  readonly op?: RegExp
  /** What Prefect said with it. Default: nothing. */
  readonly message?: RegExp
  readonly ours: string
}

/**
 * How errors are renamed. Prefect leaves conflicts to the database (IntegrityError); here each has a name. What Prefect does not
 * refuse, or refuses by accident, is not here but among the differences.
 */
const RENAMINGS: readonly Renaming[] = [
  { prefect: 'ValidationError', ours: 'InvalidInputError' },
  { prefect: 'ValueError', message: /^Duplicate target priorities/, ours: 'InvalidInputError' },
  { prefect: 'ValueError', message: /^Can't delete a pool's default queue/, ours: 'DefaultWorkQueueError' },
  { prefect: 'IntegrityError', op: /delete_work_queue$/, ours: 'DefaultWorkQueueError' },
  { prefect: 'IntegrityError', op: /update_work_queue$/, ours: 'WorkQueueExistsError' },
  { prefect: 'IntegrityError', op: /create_work_pool$/, ours: 'WorkPoolExistsError' },
  { prefect: 'IntegrityError', op: /worker_heartbeat$/, ours: 'WorkPoolNotFoundError' },
  { prefect: 'ObjectNotFoundError', op: /update_work_pool$/, ours: 'WorkPoolNotFoundError' },
  { prefect: 'ObjectNotFoundError', message: /^Work queue with id/, ours: 'WorkQueueNotFoundError' },
]

/** Ours, with its errors named as Prefect's where they stand for them. */
export function inPrefectsWords(ours: StepTrace, prefect: StepTrace, step: Step): StepTrace {
  const isRenamed = ours.error !== undefined && ours.error === renamed(prefect, step)
  const steps = ours.steps?.map((inner, index) =>
    inPrefectsWords(inner, prefect.steps?.[index] ?? {}, step.steps?.[index] ?? { op: 'none' }),
  )
  return {
    ...ours,
    ...(isRenamed && prefect.error !== undefined && { error: prefect.error }),
    ...(steps !== undefined && { steps }),
  }
}

/** What stands here for Prefect's error. */
function renamed({ error, message }: StepTrace, step: Step): string | undefined {
  if (error === 'IntegrityError' && step.op.endsWith('create_work_queue')) return ofRefusedQueue(step)
  return RENAMINGS.find(
    (renaming) =>
      renaming.prefect === error &&
      (renaming.op?.test(step.op) ?? true) &&
      (renaming.message?.test(message ?? '') ?? message === undefined),
  )?.ours
}

/** A queue cannot be created where its name is taken, or where there is no pool. */
function ofRefusedQueue({ args }: Step): string {
  const body = args?.['work_queue'] as { work_pool_id?: string } | undefined
  const pool = args?.['work_pool_id'] ?? body?.work_pool_id
  return pool === '$missing' ? 'WorkPoolNotFoundError' : 'WorkQueueExistsError'
}
