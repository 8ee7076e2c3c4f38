import { type RawBuilder, sql } from 'kysely'
import { type FlowRun, isRetriedInProcess } from '../model/flow-run.js'
import { decodeInteger } from '../model/values.js'
import { RELEASED, type ReleaseRule, stateAfterRelease } from '../rules/state-after-release.js'
import type { Scope } from '../session.js'
import { hasAnyId } from '../sql/lists.js'
import { changeAllStates, type StateChange } from './change-states.js'
import { rescheduleRetries } from './reschedule-retries.js'

/** A locked run that is to be released, and what has become of its claim. */
export interface ClaimedRun {
  readonly run: FlowRun
  /** A sentence without its end, from a small letter on. */
  readonly why: string
}

/**
 * Frees the slots of locked runs, in place of whoever has claimed them, and returns the runs as they now are,
 * in their order. One that becomes SCHEDULED keeps its start time; one of which Prefect forgot that gets the
 * expected one. It is no longer retried inside the process that ran it, as that is gone.
 */
export async function releaseRuns(
  scope: Scope,
  claimed: readonly ClaimedRun[],
  rule: ReleaseRule,
  now: Date | undefined,
): Promise<FlowRun[]> {
  const ids = claimed.map(({ run }) => run.id)
  const counts = rule.maxReleases === undefined ? new Map<string, number>() : await countReleases(scope, ids)
  const changes = claimed.map(({ run, why }): StateChange => {
    const { id, stateType } = run
    const releases = counts.get(id) ?? 0
    const type = stateAfterRelease({ stateType, releases }, rule)
    if (type !== 'SCHEDULED') return { id, type, message: messageOf(why, type === 'CRASHED' ? releases : 0) }
    const isForgotten = run.nextScheduledStartTime === null && run.expectedStartTime !== null
    const message = `${RELEASED}${why}.`
    return { id, type, message, ...(isForgotten && { scheduledTime: run.expectedStartTime }) }
  })
  const isGivenBack = ({ run }: ClaimedRun, n: number): boolean =>
    changes[n]?.type === 'SCHEDULED' && isRetriedInProcess(run)
  const retried = claimed.filter(isGivenBack).map(({ run }) => run.id)
  if (retried.length > 0) await rescheduleRetries(scope, retried)
  return await changeAllStates(scope, changes, { now })
}

function messageOf(why: string, releases: number): string {
  const before = releases > 0 ? `It was released ${releases === 1 ? 'once' : `${releases} times`} before, and ` : ''
  return before === '' ? `${why.charAt(0).toUpperCase()}${why.slice(1)}.` : `${before}${why}.`
}

/** The rule `releasesSinceRun`, for each of the runs. */
async function countReleases({ db, dialect, tables }: Scope, ids: readonly string[]): Promise<Map<string, number>> {
  const history = (what: RawBuilder<unknown>, condition: RawBuilder<unknown>): RawBuilder<unknown> => sql`(
    select ${what} from ${tables.flow_run_state} as state where state.flow_run_id = run.id and ${condition})`
  const lastRun = history(sql`max(state.timestamp)`, sql`state.type = 'RUNNING'`)
  const isRelease = sql`state.type = 'SCHEDULED'
    and substr(state.message, 1, ${sql.lit(RELEASED.length)}) = ${sql.lit(RELEASED)}`
  const isSince = sql`(ran.last is null or state.timestamp > ran.last)`
  const { rows } = await sql<{ id: string; releases: unknown }>`
    select run.id, (
      select ${history(sql`count(*)`, sql`${isRelease} and ${isSince}`)} from (select ${lastRun} as last) as ran
    ) as releases
    from ${tables.flow_run} as run where ${hasAnyId('run.id', ids, dialect)}
  `.execute(db)
  return new Map(rows.map(({ id, releases }) => [id, decodeInteger(releases)]))
}
