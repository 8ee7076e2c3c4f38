import { differenceInMilliseconds } from 'date-fns/differenceInMilliseconds'
import { releaseExpiredLeases } from '../../leases/release-expired-leases.js'
import { renewLeases } from '../../leases/renew-leases.js'
import type { FlowRun } from '../../model/flow-run.js'
import type { Process } from './hands.js'
import { giveBack } from './lives.js'
import { giveUp, whenAwake } from './mishaps.js'
import type { Poller } from './pollers.js'
import { after, nowIn, type Simulation } from './simulation.js'

// The two timers that leases need: each holder renews, and the world sweeps.

/** How many runs a sweep releases at a time. */
const SWEEP = 400

/** The process renews its leases from now on, as long as it lives. */
export function keepRenewing(simulation: Simulation, poller: Poller, process: Process): void {
  const { leases } = simulation.options
  if (leases === undefined) return
  after(simulation, milliseconds(leases.renewSeconds), async () => {
    // After a stall what was due is done first: only then it learns what it has lost.
    const stalled = process.stalledUntil > simulation.elapsed
    await whenAwake(simulation, process, async () => {
      if (stalled) after(simulation, 0, async () => await renewOnce(simulation, poller, process))
      else await renewOnce(simulation, poller, process)
      keepRenewing(simulation, poller, process)
    })
  })
}

async function renewOnce(simulation: Simulation, poller: Poller, process: Process): Promise<void> {
  const { session, options, random, leases } = simulation
  const flowRunIds = [...process.hands.keys()]
  if (options.leases === undefined || process.diedAt !== null || flowRunIds.length === 0) return
  leases.renewals++
  if (simulation.elapsed >= process.unheardUntil && poller.renewalFailProbability > 0) {
    if (random.happens(poller.renewalFailProbability)) {
      // At least this one fails.
      process.unheardUntil = simulation.elapsed + Math.max(1, random.milliseconds(poller.renewalFailSeconds))
    }
  }
  if (simulation.elapsed < process.unheardUntil) {
    leases.failedRenewals++
    return
  }
  const { leaseSeconds } = options.leases
  const now = nowIn(simulation)
  const { lost } = await renewLeases(session, process.holder, { leaseSeconds, flowRunIds, now })
  for (const id of lost) {
    const hand = process.hands.get(id)
    if (hand !== undefined) giveUp(simulation, id, hand)
  }
}

/** Expired leases are released from now on, every so often. */
export function keepSweeping(simulation: Simulation): void {
  const { leases } = simulation.options
  if (leases === undefined) return
  after(simulation, milliseconds(leases.sweepSeconds), async () => {
    const { runningTo, maxReleases } = leases
    const now = nowIn(simulation)
    let more = true
    while (more) {
      const released = await releaseExpiredLeases(simulation.session, { runningTo, maxReleases, limit: SWEEP, now })
      for (const flowRun of released) release(simulation, flowRun)
      more = released.length === SWEEP
    }
    keepSweeping(simulation)
  })
}

function release(simulation: Simulation, flowRun: FlowRun): void {
  const hand = giveBack(simulation, flowRun)
  if (hand === undefined) return
  const { handOut, isStarted, leftAt } = hand
  const { run, queue, pool, poller } = handOut
  const at = nowIn(simulation)
  simulation.leases.releases.push({
    at,
    run,
    queue,
    pool,
    poller,
    from: isStarted ? 'RUNNING' : 'PENDING',
    to: flowRun.stateType === 'SCHEDULED' ? 'SCHEDULED' : 'CRASHED',
    deadSeconds: leftAt === null ? null : differenceInMilliseconds(at, leftAt) / 1000,
  })
}

function milliseconds(seconds: number): number {
  return Math.max(1, Math.round(seconds * 1000))
}
