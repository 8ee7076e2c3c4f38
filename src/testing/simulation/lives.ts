import { addMilliseconds } from 'date-fns/addMilliseconds'
import { differenceInMilliseconds } from 'date-fns/differenceInMilliseconds'
import { releaseStaleClaims } from '../../claims/release-stale-claims.js'
import { retryFlowRun } from '../../flow-runs/retry-flow-run.js'
import type { FlowRun } from '../../model/flow-run.js'
import { attemptOf, type Run } from './followed-runs.js'
import type { Hand } from './hands.js'
import { settle } from './mishaps.js'
import { after, nowIn, type Simulation } from './simulation.js'
import { type Queue, queueOf } from './world.js'
import { writeState } from './write-state.js'

// What a run goes through: it is met, taken, begun, ended, and perhaps given back or retried.

/** Claims that are there that long are stale, where no other time is given. */
const STALE_AFTER_SECONDS = 60

/** Follows a run from now on, unless it belongs to no queue. */
export function meet(simulation: Simulation, flowRun: FlowRun, queue: Queue | undefined): Run | undefined {
  const known = simulation.runs.get(flowRun.id)
  if (known !== undefined || queue === undefined) return known
  simulation.outstanding++
  return simulation.runs.add(flowRun, queue)
}

/** The run is PENDING from now on, and given back when that lasts too long. */
export function take(simulation: Simulation, run: Run, hand: Hand): void {
  run.holder = hand
  simulation.changes++
  simulation.ledger.enter(run.flowRun, hand.handOut, nowIn(simulation))
  const stale = staleAfter(simulation)
  if (stale === undefined) return
  after(simulation, stale + 1, async () => {
    if (run.holder === hand && hand.handOut.startedAt === null) await releaseStale(simulation, stale)
  })
}

/**
 * The run is RUNNING from now on.
 *
 * @returns How long, in milliseconds; nothing when the poller is refused.
 */
export async function begin(simulation: Simulation, run: Run, hand: Hand): Promise<number | undefined> {
  const { plan, attempts } = run
  const { handOut } = hand
  if (!(await writeState(simulation, run, hand, 'RUNNING'))) return undefined
  const attempt = attemptOf(run)
  attempt.startedAt ??= nowIn(simulation)
  handOut.outcome = 'started'
  handOut.startedAt = nowIn(simulation)
  handOut.attempt = attempts.length
  hand.isStarted = true
  if (run.holder === undefined) {
    // Without a fence one may start what it has lost, and nobody else has.
    reopen(simulation, run)
    run.holder = hand
    simulation.ledger.enter(run.flowRun, handOut, nowIn(simulation))
  }
  return attempts.length === 1 ? plan.duration : simulation.random.milliseconds(plan.durationSeconds)
}

/** The run is COMPLETED or FAILED, unless the poller has given it up, or is refused. */
export async function end(simulation: Simulation, run: Run, hand: Hand): Promise<void> {
  if (hand.leftAt !== null) return
  const { handOut, process } = hand
  const { failProbability, retries } = run.plan
  // Nothing is drawn for runs that cannot fail.
  const fails = failProbability > 0 && simulation.random.happens(failProbability)
  const finishedAs = fails ? 'FAILED' : 'COMPLETED'
  if (process.hands.get(run.id) === hand) process.hands.delete(run.id)
  settle(simulation, hand)
  if (!(await writeState(simulation, run, hand, finishedAs))) return
  handOut.finishedAt = nowIn(simulation)
  handOut.finishedAs = finishedAs
  simulation.ledger.leave(run.id, nowIn(simulation))
  run.holder = undefined
  if (fails && ++run.failures <= retries) await retry(simulation, run)
  else close(simulation, run)
}

async function retry(simulation: Simulation, run: Run): Promise<void> {
  const now = nowIn(simulation)
  const dueAt = addMilliseconds(now, simulation.random.milliseconds(run.plan.retryDelaySeconds))
  reopen(simulation, run)
  simulation.runs.retry(run, dueAt)
  simulation.changes++
  await retryFlowRun(simulation.session, run.id, { scheduledTime: dueAt, now })
}

/** A claim that was there before the simulation is given back when it is stale. */
export function expectRelease(simulation: Simulation, { stateTimestamp }: FlowRun): void {
  const { start } = simulation.options
  const stale = staleAfter(simulation)
  if (stale === undefined) return
  const since = differenceInMilliseconds(stateTimestamp ?? start, start)
  simulation.outstanding++
  after(simulation, Math.max(0, since + stale) + 1, async () => {
    simulation.outstanding--
    await releaseStale(simulation, stale)
  })
}

async function releaseStale(simulation: Simulation, stale: number): Promise<void> {
  const now = nowIn(simulation)
  const pendingBefore = addMilliseconds(now, -stale)
  const released = await releaseStaleClaims(simulation.session, { pendingBefore, now })
  for (const flowRun of released) giveBack(simulation, flowRun)
}

/** In milliseconds. Where claims have leases, these tell which are stale, unless a time is given as well. */
function staleAfter({ options }: Simulation): number | undefined {
  const seconds = options.staleAfterSeconds ?? (options.leases === undefined ? STALE_AFTER_SECONDS : undefined)
  return seconds === undefined ? undefined : Math.round(seconds * 1000)
}

/**
 * A run was released: it is nobody's any more, whoever works on it.
 *
 * @returns Whose it was, of the pollers.
 */
export function giveBack(simulation: Simulation, flowRun: FlowRun): Hand | undefined {
  const now = nowIn(simulation)
  const { id, stateType } = flowRun
  simulation.changes++
  simulation.ledger.leave(id, now)
  if (simulation.awaited.delete(id)) simulation.outstanding--
  const isDone = stateType !== 'SCHEDULED'
  const run = isDone ? simulation.runs.get(id) : meet(simulation, flowRun, queueOf(simulation.world, flowRun))
  const hand = run?.holder
  if (run === undefined) return undefined
  run.holder = undefined
  if (hand !== undefined) {
    const { handOut } = hand
    if (handOut.outcome === 'open') handOut.outcome = 'released'
    // What its poller yet does about it is to be seen.
    if (hand.leftAt === null && simulation.options.leases !== undefined) {
      hand.isLate = true
      simulation.outstanding++
    }
    if (hand.isStarted) {
      handOut.finishedAt = now
      handOut.finishedAs = isDone ? 'CRASHED' : 'SCHEDULED'
      if (!isDone) simulation.runs.retry(run, now)
    }
  }
  if (isDone) close(simulation, run)
  return hand
}

function close(simulation: Simulation, run: Run): void {
  if (!run.isDone) simulation.outstanding--
  run.isDone = true
}

function reopen(simulation: Simulation, run: Run): void {
  if (run.isDone) simulation.outstanding++
  run.isDone = false
}
