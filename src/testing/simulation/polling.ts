import type { FoundRun } from './find-runs.js'
import type { Finder } from './finder.js'
import type { HandOut } from './history.js'
import { begin, enter, meet, take } from './lives.js'
import type { Poller } from './pollers.js'
import { attemptOf, type Run } from './followed-runs.js'
import { after, nowIn, type Simulation } from './simulation.js'

/** A poller polls, if it can run anything, starts what it is given after its latency, and polls again. */
export async function poll(simulation: Simulation, poller: Poller, finder: Finder): Promise<void> {
  const { random } = simulation
  const room = roomOf(poller)
  let crashes = false
  if (room > 0) {
    simulation.polls++
    const found = await finder.find(poller, room, simulation)
    crashes = found.length > 0 && random.happens(poller.crashProbability)
    for (const each of found) give(simulation, each, poller, crashes)
    // It runs nothing when it is back: what it had started goes on without it.
    if (crashes) poller.running.clear()
  }
  const wait = crashes ? poller.restartSeconds : poller.everySeconds
  if (wait === null) return
  after(simulation, random.milliseconds(wait), async () => await poll(simulation, poller, finder))
}

/** How many more runs it can run. */
function roomOf({ capacity = Infinity, running, submitting }: Poller): number {
  return capacity - running.size - submitting.size
}

function give(simulation: Simulation, { workQueueId, flowRun }: FoundRun, poller: Poller, crashes: boolean): void {
  const { world, options, random, handOuts } = simulation
  const queue = world.queues.find(({ id }) => id === workQueueId)
  const run = meet(simulation, flowRun, queue)
  if (run === undefined || queue === undefined) return
  // A poller does not take up again what it is about to start.
  if (options.by === 'poll' && poller.submitting.has(run.id)) return
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
  if (options.by === 'claim') {
    if (run.holder !== undefined || run.isDone) {
      handOut.outcome = 'duplicate'
      return
    }
    take(simulation, run, handOut)
  }
  poller.submitting.add(run.id)
  after(simulation, random.milliseconds(poller.startLatencySeconds), async () => {
    poller.submitting.delete(run.id)
    if (options.by === 'poll') await submit(simulation, run, handOut)
    if (run.holder !== handOut) return
    if (crashes) handOut.outcome = 'abandoned'
    else await begin(simulation, run, handOut, poller)
  })
}

/** Prefect's guard: a run that is no longer SCHEDULED does not become PENDING. */
async function submit(simulation: Simulation, run: Run, handOut: HandOut): Promise<void> {
  if (run.holder !== undefined || run.isDone) {
    handOut.outcome = 'refused'
    return
  }
  await enter(simulation, run, 'PENDING')
  take(simulation, run, handOut)
}
