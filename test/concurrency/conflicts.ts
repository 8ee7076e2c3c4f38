import { isRetryable as isConflict } from 'kysely-work-queues'

/**
 * What the databases ask to be tried again. SQLITE_BUSY, when the busy timeout was over, but never SQLITE_BUSY_SNAPSHOT: that says
 * that a transaction of ours began with a read.
 */
export function isRetryable(error: unknown): boolean {
  return isConflict(error) && codeOf(error) !== 'SQLITE_BUSY_SNAPSHOT'
}

export function isDeadlock(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isDeadlock)
  return codeOf(error) === '40P01'
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
