import { addSeconds } from 'date-fns/addSeconds'
import { differenceInMilliseconds } from 'date-fns/differenceInMilliseconds'
import type { LateStart, NeverStarted } from './history.js'
import type { Attempt, Run } from './followed-runs.js'

/** The attempts that were due and not started in time, in the order in which they were due. */
export function lateStarts(runs: readonly Run[], lateAfterSeconds: number, endedAt: Date): LateStart[] {
  const attempts = runs.flatMap((run) => run.attempts.map((attempt, index) => ({ run, attempt, number: index + 1 })))
  return inOrder(attempts).flatMap(({ run, attempt: { dueAt, startedAt }, number }) => {
    const waitedUntil = startedAt ?? endedAt
    if (dueAt === null || waitedUntil <= addSeconds(dueAt, lateAfterSeconds)) return []
    const lateBySeconds = differenceInMilliseconds(waitedUntil, dueAt) / 1000
    return [{ ...placeOf(run), attempt: number, dueAt, startedAt, lateBySeconds }]
  })
}

/** The runs that were not started, in the order in which they are due. */
export function neverStarted(runs: readonly Run[]): NeverStarted[] {
  const firsts = runs.map((run) => ({ run, attempt: run.attempts[0] }))
  return inOrder(firsts.filter(({ attempt }) => attempt.startedAt === null)).map(({ run, attempt }) => ({
    ...placeOf(run),
    dueAt: attempt.dueAt,
  }))
}

function placeOf({ flowRun, queue }: Run): { run: string; queue: string; pool: string } {
  return { run: flowRun.name, queue: queue.name, pool: queue.pool }
}

/** In the order in which polls go: by start time, those without one last, then by id. */
function inOrder<T extends { readonly run: Run; readonly attempt: Attempt }>(attempts: readonly T[]): T[] {
  const time = ({ attempt }: T): number => attempt.dueAt?.getTime() ?? Infinity
  return attempts.toSorted((a, b) => time(a) - time(b) || (a.run.id < b.run.id ? -1 : Number(a.run.id > b.run.id)))
}
