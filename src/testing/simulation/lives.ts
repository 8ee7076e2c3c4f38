import { addMilliseconds } from 'date-fns/addMilliseconds'
import { differenceInMilliseconds } from 'date-fns/differenceInMilliseconds'
import { releaseStaleClaims } from '../../claims/release-stale-claims.js'
import { retryFlowRun } from '../../flow-runs/retry-flow-run.js'
import { setFlowRunState } from '../../flow-runs/set-flow-run-state.js'
import type { StateType } from '../../rules/states.js'
import type { FlowRun } from '../../model/flow-run.js'
import type { HandOut } from './history.js'
import type { Poller } from './pollers.js'
import { attemptOf, type Run } from './followed-runs.js'
import { after, nowIn, type Simulation } from './simulation.js'
import { type Queue, queueOf } from './world.js'

// What a run goes through: it is met, taken, begun, ended, and perhaps released or retried.

/** Follows a run from now on, unless it belongs to no queue. */
export function meet(simulation: Simulation, flowRun: FlowRun, queue: Queue | undefined): Run | undefined {
  const known = simulation.runs.get(flowRun.id)
  if (known !== undefined || queue === undefined) return known
  simulation.outstanding++
  return simulation.runs.add(flowRun, queue)
}

/** The run is PENDING from now on, and given back when that lasts too long. */
export function take(simulation: Simulation, run: Run, handOut: HandOut): void {
  run.holder = handOut
  simulation.changes++
  simulation.ledger.enter(run.flowRun, handOut, nowIn(simulation))
  after(simulation, staleAfter(simulation) + 1, async () => {
    if (run.holder === handOut && handOut.startedAt === null) await releaseStale(simulation)
  })
}

/** The run is RUNNING from now on, until its time is over. */
export async function begin(simulation: Simulation, run: Run, handOut: HandOut, poller: Poller): Promise<void> {
  const { plan, attempts } = run
  const attempt = attemptOf(run)
  attempt.startedAt = nowIn(simulation)
  handOut.outcome = 'started'
  handOut.startedAt = attempt.startedAt
  handOut.attempt = attempts.length
  poller.running.add(run.id)
  await enter(simulation, run, 'RUNNING')
  const duration = attempts.length === 1 ? plan.duration : simulation.random.milliseconds(plan.durationSeconds)
  after(simulation, duration, async () => await end(simulation, run, handOut, poller))
}

async function end(simulation: Simulation, run: Run, handOut: HandOut, poller: Poller): Promise<void> {
  const { failProbability, retries } = run.plan
  // Nothing is drawn for runs that cannot fail.
  const fails = failProbability > 0 && simulation.random.happens(failProbability)
  handOut.finishedAt = nowIn(simulation)
  handOut.finishedAs = fails ? 'FAILED' : 'COMPLETED'
  poller.running.delete(run.id)
  await enter(simulation, run, handOut.finishedAs)
  simulation.ledger.leave(run.id, nowIn(simulation))
  if (fails && run.attempts.length <= retries) {
    await retry(simulation, run)
  } else {
    run.isDone = true
    simulation.outstanding--
  }
}

async function retry(simulation: Simulation, run: Run): Promise<void> {
  const now = nowIn(simulation)
  const dueAt = addMilliseconds(now, simulation.random.milliseconds(run.plan.retryDelaySeconds))
  run.holder = undefined
  simulation.runs.retry(run, dueAt)
  simulation.changes++
  await retryFlowRun(simulation.session, run.id, { scheduledTime: dueAt, now })
}

/** A claim that was there before the simulation is given back when it is stale. */
export function expectRelease(simulation: Simulation, { stateTimestamp }: FlowRun): void {
  const { start } = simulation.options
  const since = differenceInMilliseconds(stateTimestamp ?? start, start)
  simulation.outstanding++
  after(simulation, Math.max(0, since + staleAfter(simulation)) + 1, async () => {
    simulation.outstanding--
    await releaseStale(simulation)
  })
}

async function releaseStale(simulation: Simulation): Promise<void> {
  const now = nowIn(simulation)
  const pendingBefore = addMilliseconds(now, -staleAfter(simulation))
  simulation.changes++
  for (const flowRun of await releaseStaleClaims(simulation.session, { pendingBefore, now })) {
    simulation.ledger.leave(flowRun.id, now)
    const run = meet(simulation, flowRun, queueOf(simulation.world, flowRun))
    if (run?.holder?.outcome === 'open') run.holder.outcome = 'released'
    if (run !== undefined) run.holder = undefined
  }
}

function staleAfter({ options }: Simulation): number {
  return Math.round(options.staleAfterSeconds * 1000)
}

/** Changes the run's state in the database. */
export async function enter(simulation: Simulation, { id }: Run, type: StateType): Promise<void> {
  simulation.changes++
  await setFlowRunState(simulation.session, id, { type }, { now: nowIn(simulation) })
}
