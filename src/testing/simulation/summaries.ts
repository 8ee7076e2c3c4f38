import { addSeconds } from 'date-fns/addSeconds'
import { differenceInMilliseconds } from 'date-fns/differenceInMilliseconds'
import type { FlowRun } from '../../model/flow-run.js'
import type { HandOut, LateStart, NeverStarted } from './history.js'
import type { Queue } from './world.js'

/** A run in a simulation. */
export interface Run {
  readonly flowRun: FlowRun
  /** The queue it belongs to. */
  readonly queue: Queue
  /** How long it is RUNNING, in milliseconds. */
  readonly duration: number
  startedAt: Date | null
  /** Who has it, from PENDING on. */
  holder: HandOut | undefined
  isDone: boolean
}

/** The runs that were due and not started in time, in the order in which they were due. */
export function lateStarts(runs: readonly Run[], lateAfterSeconds: number, endedAt: Date): LateStart[] {
  return inOrder(runs).flatMap(({ flowRun, queue, startedAt }) => {
    const dueAt = flowRun.nextScheduledStartTime
    const waitedUntil = startedAt ?? endedAt
    if (dueAt === null || waitedUntil <= addSeconds(dueAt, lateAfterSeconds)) return []
    const lateBySeconds = differenceInMilliseconds(waitedUntil, dueAt) / 1000
    return [{ ...placeOf(flowRun, queue), dueAt, startedAt, lateBySeconds }]
  })
}

/** The runs that were not started, in the order in which they are due. */
export function neverStarted(runs: readonly Run[]): NeverStarted[] {
  return inOrder(runs.filter(({ startedAt }) => startedAt === null)).map(({ flowRun, queue }) => ({
    ...placeOf(flowRun, queue),
    dueAt: flowRun.nextScheduledStartTime,
  }))
}

function placeOf(flowRun: FlowRun, queue: Queue): { run: string; queue: string; pool: string } {
  return { run: flowRun.name, queue: queue.name, pool: queue.pool }
}

/** In the order in which polls go: by start time, those without one last, then by id. */
function inOrder(runs: readonly Run[]): Run[] {
  const time = ({ flowRun }: Run): number => flowRun.nextScheduledStartTime?.getTime() ?? Infinity
  return runs.toSorted((a, b) => time(a) - time(b) || (a.flowRun.id < b.flowRun.id ? -1 : 1))
}
