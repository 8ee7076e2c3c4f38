import { addMilliseconds } from 'date-fns/addMilliseconds'
import type { Hand, Process } from './hands.js'
import type { Poller } from './pollers.js'
import { after, nowIn, type Simulation } from './simulation.js'
import type { Happening } from './timeline.js'

// What befalls a poller while it runs something: it dies, or stalls.

/**
 * Does something for a process: now, or once it does anything again. A process that is dead does nothing.
 */
export async function whenAwake(simulation: Simulation, process: Process, happening: Happening): Promise<void> {
  if (process.diedAt !== null) return
  const left = process.stalledUntil - simulation.elapsed
  if (left > 0) after(simulation, left, async () => await whenAwake(simulation, process, happening))
  else await happening()
}

/** The process dies, and all that it had is left as it is. */
export function die(simulation: Simulation, poller: Poller, process: Process): void {
  const at = nowIn(simulation)
  process.diedAt = at
  simulation.leases.deaths.push({ at, poller: poller.name, runs: runsIn(process) })
  for (const hand of process.hands.values()) {
    hand.leftAt = at
    settle(simulation, hand)
    if (hand.handOut.outcome === 'open') hand.handOut.outcome = 'abandoned'
  }
}

/** The process works no more on a run that it has lost. */
export function giveUp(simulation: Simulation, runId: string, hand: Hand): void {
  hand.leftAt ??= nowIn(simulation)
  settle(simulation, hand)
  hand.process.hands.delete(runId)
}

/** The process has done the last of what it does about a run: nothing of it comes too late any more. */
export function settle(simulation: Simulation, hand: Hand): void {
  if (hand.isLate) simulation.outstanding--
  hand.isLate = false
}

/** Draws what befalls the poller while a run that it has just started goes on. */
export function drawMishaps(
  simulation: Simulation,
  poller: Poller,
  process: Process,
  duration: number,
  onDeath: () => void,
): void {
  const { random } = simulation
  const { deathProbability, stallProbability, stallSeconds } = poller
  // Nothing is drawn for pollers that neither die nor stall.
  if (deathProbability > 0 && random.happens(deathProbability)) {
    after(simulation, Math.floor(random.next() * duration), () => {
      if (process.diedAt !== null) return
      die(simulation, poller, process)
      onDeath()
    })
  }
  if (stallProbability > 0 && random.happens(stallProbability)) {
    const length = random.milliseconds(stallSeconds)
    after(simulation, Math.floor(random.next() * duration), () => stall(simulation, poller, process, length))
  }
}

function stall(simulation: Simulation, poller: Poller, process: Process, length: number): void {
  // One that is dead, or stalls already, does nothing anyway.
  if (process.diedAt !== null || process.stalledUntil > simulation.elapsed) return
  const at = nowIn(simulation)
  process.stalledUntil = simulation.elapsed + length
  const until = addMilliseconds(at, length)
  simulation.leases.stalls.push({ at, until, poller: poller.name, runs: runsIn(process) })
}

function runsIn({ hands }: Process): string[] {
  return [...hands.values()].map(({ handOut }) => handOut.run)
}
