import { readFlowRuns } from '../../flow-runs/read-flow-runs.js'
import { readLeases } from '../../leases/read-leases.js'
import type { StateType } from '../../rules/states.js'
import type { RequiredTables, Session } from '../../session.js'
import { lateStarts, neverStarted } from './attempts.js'
import type { CheckedOptions } from './options-schema.js'
import { happen } from './events.js'
import { createFinder } from './finder.js'
import { readHeldSlots } from './held-slots.js'
import type { PollingHistory } from './history.js'
import { createLedger } from './ledger.js'
import { keepSweeping } from './lease-timers.js'
import { expectRelease, meet } from './lives.js'
import { startPoller } from './polling.js'
import { createPollers } from './pollers.js'
import { createRandom } from './random.js'
import { createRunsBook } from './followed-runs.js'
import { after, createSimulation, nowIn, type Simulation } from './simulation.js'
import { createRuns, createWorld, queueOf } from './world.js'

/**
 * Simulates, after the check.
 *
 * @param host - The session that the host's own claims are made in.
 */
export async function simulate(
  session: Session<RequiredTables>,
  host: unknown,
  options: CheckedOptions,
): Promise<PollingHistory> {
  const random = createRandom(options.seed)
  const world = await createWorld(session, options)
  const runs = createRunsBook(await createRuns(session, world, options, random))
  const ledger = await createLedger(session, world, options.start)
  const simulation = createSimulation({ session, options, random, world, ledger, runs })
  await prepare(simulation, host)
  await goOn(simulation)
  simulation.leases.held.push(...(await readHeldSlots(simulation)))
  return historyOf(simulation)
}

/**
 * Puts on the timeline what happens by itself: events, first polls, and the release of claims that are there.
 */
async function prepare(simulation: Simulation, host: unknown): Promise<void> {
  const { session, options, random, world } = simulation
  const filter = { stateType: { any: ['SCHEDULED', 'PENDING'] satisfies StateType[] } }
  for (const flowRun of await readFlowRuns(session, { filter })) {
    if (flowRun.stateType === 'SCHEDULED') meet(simulation, flowRun, queueOf(world, flowRun))
    else expectRelease(simulation, flowRun)
  }
  for (const [index, event] of options.events.entries()) {
    simulation.outstanding++
    after(simulation, event.atSeconds * 1000, async () => {
      simulation.outstanding--
      await happen(simulation, event, `events.${index}`)
    })
  }
  if (options.leases !== undefined) {
    // Nobody renews these: each is released once it has expired, and what comes of it is to be seen.
    for (const { flowRunId } of await readLeases(session)) simulation.awaited.add(flowRunId)
    simulation.outstanding += simulation.awaited.size
    keepSweeping(simulation)
  }
  const finder = createFinder(session, host, options)
  for (const poller of createPollers(world, options, random)) {
    after(simulation, poller.firstPoll, async () => await startPoller(simulation, poller, finder))
  }
}

/** Virtual time goes from one happening to the next. */
async function goOn(simulation: Simulation): Promise<void> {
  const end = simulation.options.endSeconds * 1000
  while (simulation.outstanding > 0) {
    const next = simulation.timeline.next()
    simulation.elapsed = Math.min(next?.at ?? end, end)
    if (next === undefined || next.at > end) break
    await next.happening()
  }
}

function historyOf(simulation: Simulation): PollingHistory {
  const { options, polls, handOuts, ledger, settings, leases } = simulation
  const runs = simulation.runs.all()
  const endedAt = nowIn(simulation)
  return {
    startedAt: options.start,
    endedAt,
    polls,
    handOuts,
    slots: ledger.slots,
    settings,
    overshoots: ledger.overshoots,
    late: lateStarts(runs, options.lateAfterSeconds, endedAt),
    neverStarted: neverStarted(runs),
    leases,
  }
}
