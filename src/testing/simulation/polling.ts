import { setFlowRunState } from '../../flow-runs/set-flow-run-state.js'
import type { FoundRun } from './find-runs.js'
import type { Finder } from './finder.js'
import { attemptOf, type Run } from './followed-runs.js'
import { createProcess, type Hand } from './hands.js'
import type { HandOut } from './history.js'
import { keepRenewing } from './lease-timers.js'
import { begin, end, meet, take } from './lives.js'
import { die, drawMishaps, giveUp, whenAwake } from './mishaps.js'
import type { Poller } from './pollers.js'
import type { Seconds } from './random.js'
import { after, nowIn, type Simulation } from './simulation.js'

/** A poller starts: it polls, and renews its leases, until it dies. */
export async function startPoller(simulation: Simulation, poller: Poller, finder: Finder): Promise<void> {
  keepRenewing(simulation, poller, poller.process)
  await poll(simulation, poller, finder)
}

/** A poller polls, if it can run anything, starts what it is given after its latency, and polls again. */
async function poll(simulation: Simulation, poller: Poller, finder: Finder): Promise<void> {
  const { random, options } = simulation
  const { process, restartSeconds } = poller
  const again = (wait: Seconds): void =>
    after(simulation, random.milliseconds(wait), async () => {
      await whenAwake(simulation, process, async () => await poll(simulation, poller, finder))
    })
  const restart = (): void => {
    if (restartSeconds === null) return
    after(simulation, random.milliseconds(restartSeconds), async () => {
      poller.process = createProcess(poller.name, ++poller.starts)
      await startPoller(simulation, poller, finder)
    })
  }

  const room = roomOf(poller)
  let crashes = false
  if (room > 0) {
    simulation.polls++
    const found = await finder.find(poller, room, simulation)
    crashes = found.length > 0 && random.happens(poller.crashProbability)
    for (const each of found) give(simulation, each, poller, { crashes, restart })
  }
  if (!crashes) again(poller.everySeconds)
  else if (options.leases !== undefined) {
    die(simulation, poller, process)
    restart()
  } else {
    // It runs nothing when it is back: what it had started goes on without it.
    for (const [id, { isStarted }] of process.hands) if (isStarted) process.hands.delete(id)
    if (restartSeconds !== null) again(restartSeconds)
  }
}

/** How many more runs it can run. */
function roomOf({ capacity = Infinity, process }: Poller): number {
  return capacity - process.hands.size
}

interface Fate {
  readonly crashes: boolean
  readonly restart: () => void
}

function give(
  simulation: Simulation,
  { workQueueId, flowRun }: FoundRun,
  poller: Poller,
  { crashes, restart }: Fate,
): void {
  const { world, options, random, handOuts } = simulation
  const { process } = poller
  const queue = world.queues.find(({ id }) => id === workQueueId)
  const run = meet(simulation, flowRun, queue)
  if (run === undefined || queue === undefined) return
  // A poller does not take up again what it is about to start.
  if (options.by === 'poll' && process.hands.get(run.id)?.isStarted === false) return
  const handOut: HandOut = {
    at: nowIn(simulation),
    run: flowRun.name,
    queue: queue.name,
    pool: queue.pool,
    poller: poller.name,
    dueAt: attemptOf(run).dueAt,
    attempt: run.attempts.length,
    outcome: 'open',
    startedAt: null,
    finishedAt: null,
    finishedAs: null,
  }
  handOuts.push(handOut)
  const leftAt = crashes ? nowIn(simulation) : null
  const hand: Hand = { handOut, process, stateId: flowRun.stateId, isStarted: false, leftAt, isLate: false }
  if (options.by === 'claim') {
    if (run.holder !== undefined || run.isDone) {
      handOut.outcome = 'duplicate'
      return
    }
    take(simulation, run, hand)
  }
  // One that has lost the run learns it when it is given the run anew.
  const before = process.hands.get(run.id)
  if (before !== undefined) giveUp(simulation, run.id, before)
  process.hands.set(run.id, hand)
  after(simulation, random.milliseconds(poller.startLatencySeconds), async () => {
    await whenAwake(simulation, process, async () => await start(simulation, run, hand, poller, restart))
  })
}

/** The poller starts a run that it was given, unless it has crashed, or knows that it has lost the run. */
async function start(simulation: Simulation, run: Run, hand: Hand, poller: Poller, restart: () => void): Promise<void> {
  const { options } = simulation
  const { handOut, process } = hand
  if (process.hands.get(run.id) !== hand) return
  if (options.by === 'poll') await submit(simulation, run, hand)
  if (hand.leftAt !== null) {
    process.hands.delete(run.id)
    if (run.holder === hand) handOut.outcome = 'abandoned'
    return
  }
  // With leases, the database tells whether it is still the poller's.
  const isLost = options.leases === undefined && run.holder !== hand
  const duration = isLost ? undefined : await begin(simulation, run, hand)
  if (duration === undefined) {
    giveUp(simulation, run.id, hand)
    return
  }
  drawMishaps(simulation, poller, process, duration, restart)
  after(simulation, duration, async () => {
    await whenAwake(simulation, process, async () => await end(simulation, run, hand))
  })
}

/** Prefect's guard: a run that is no longer SCHEDULED does not become PENDING. */
async function submit(simulation: Simulation, run: Run, hand: Hand): Promise<void> {
  if (run.holder !== undefined || run.isDone) {
    hand.handOut.outcome = 'refused'
    return
  }
  simulation.changes++
  await setFlowRunState(simulation.session, run.id, { type: 'PENDING' }, { now: nowIn(simulation) })
  take(simulation, run, hand)
}
