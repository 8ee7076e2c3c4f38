import { addMilliseconds } from 'date-fns/addMilliseconds'
import { differenceInMilliseconds } from 'date-fns/differenceInMilliseconds'
import { releaseStaleClaims } from '../../claims/release-stale-claims.js'
import { readFlowRuns } from '../../flow-runs/read-flow-runs.js'
import { setFlowRunState } from '../../flow-runs/set-flow-run-state.js'
import type { StateType } from '../../rules/states.js'
import type { FlowRun } from '../../model/flow-run.js'
import type { RequiredTables, Session } from '../../session.js'
import { updateWorkPool } from '../../work-pools/update-work-pool.js'
import { updateWorkQueue } from '../../work-queues/update-work-queue.js'
import type { CheckedOptions } from './options-schema.js'
import type { FoundRun } from './find-runs.js'
import { createFinder, type Finder } from './finder.js'
import type { HandOut, PollingHistory } from './history.js'
import { createLedger, type Ledger } from './ledger.js'
import type { SimulatedEvent } from './options.js'
import { createPollers, type Poller } from './pollers.js'
import { createRandom, type Random } from './random.js'
import { lateStarts, neverStarted, type Run } from './summaries.js'
import { createTimeline, type Timeline } from './timeline.js'
import { createRuns, createWorld, findPool, findQueue, type Queue, queueOf, type World } from './world.js'

/** How long a run is RUNNING that the simulation did not make, in milliseconds. */
const DEFAULT_DURATION = 60_000

/** Simulates, after the check. */
export async function simulate(session: Session<RequiredTables>, options: CheckedOptions): Promise<PollingHistory> {
  const random = createRandom(options.seed)
  const world = await createWorld(session, options)
  const durations = await createRuns(session, world, options, random)
  const ledger = await createLedger(session, world, options.start)
  return await new Simulation(session, options, random, world, durations, ledger).run()
}

/**
 * Pollers, runs and virtual time, which is in milliseconds since the start and goes from one happening to the
 * next.
 */
class Simulation {
  readonly #session: Session<RequiredTables>
  readonly #options: CheckedOptions
  readonly #random: Random
  readonly #world: World
  readonly #durations: ReadonlyMap<string, number>
  readonly #ledger: Ledger
  readonly #finder: Finder
  readonly #timeline: Timeline = createTimeline()
  readonly #runs = new Map<string, Run>()
  readonly #handOuts: HandOut[] = []
  #elapsed = 0
  #polls = 0
  #changes = 0
  /**
   * How many runs are not done and how many events have not happened: when there are none, nothing is left to
   * see.
   */
  #outstanding = 0

  constructor(
    session: Session<RequiredTables>,
    options: CheckedOptions,
    random: Random,
    world: World,
    durations: ReadonlyMap<string, number>,
    ledger: Ledger,
  ) {
    this.#session = session
    this.#options = options
    this.#random = random
    this.#world = world
    this.#durations = durations
    this.#ledger = ledger
    this.#finder = createFinder(session, options)
  }

  async run(): Promise<PollingHistory> {
    const { start, endSeconds, events, lateAfterSeconds } = this.#options
    const filter = { stateType: { any: ['SCHEDULED', 'PENDING'] satisfies StateType[] } }
    for (const flowRun of await readFlowRuns(this.#session, { filter })) {
      if (flowRun.stateType === 'SCHEDULED') this.#meet(flowRun, queueOf(this.#world, flowRun))
      else this.#expectRelease(flowRun)
    }
    this.#outstanding += events.length
    for (const [index, event] of events.entries()) {
      this.#timeline.add(event.atSeconds * 1000, async () => {
        this.#outstanding--
        await this.#change(event, `events.${index}`)
      })
    }
    for (const poller of createPollers(this.#world, this.#options, this.#random)) {
      this.#timeline.add(poller.firstPoll, async () => await this.#poll(poller))
    }

    const end = endSeconds * 1000
    while (this.#outstanding > 0) {
      const next = this.#timeline.next()
      this.#elapsed = Math.min(next?.at ?? end, end)
      if (next === undefined || next.at > end) break
      await next.happening()
    }

    const runs = [...this.#runs.values()]
    return {
      startedAt: start,
      endedAt: this.#now(),
      polls: this.#polls,
      handOuts: this.#handOuts,
      slots: this.#ledger.slots,
      overshoots: this.#ledger.overshoots,
      late: lateStarts(runs, lateAfterSeconds, this.#now()),
      neverStarted: neverStarted(runs),
    }
  }

  #now(): Date {
    return addMilliseconds(this.#options.start, this.#elapsed)
  }

  /** Follows a run from now on, unless it belongs to no queue. */
  #meet(flowRun: FlowRun, queue: Queue | undefined): Run | undefined {
    const known = this.#runs.get(flowRun.id)
    if (known !== undefined || queue === undefined) return known
    const duration = this.#durations.get(flowRun.id) ?? DEFAULT_DURATION
    const run: Run = { flowRun, queue, duration, startedAt: null, holder: undefined, isDone: false }
    this.#runs.set(flowRun.id, run)
    this.#outstanding++
    return run
  }

  async #poll(poller: Poller): Promise<void> {
    this.#polls++
    const found = await this.#finder.find(poller, this.#elapsed, this.#situation())
    const crashes = found.length > 0 && this.#random.happens(poller.crashProbability)
    for (const each of found) this.#give(each, poller, crashes)
    const wait = crashes ? poller.restartSeconds : poller.everySeconds
    if (wait === null) return
    this.#timeline.add(this.#elapsed + this.#random.milliseconds(wait), async () => await this.#poll(poller))
  }

  /**
   * All that the answer of a poll depends on: how often something was written, and how many runs have become
   * due. A start time may lie within the millisecond that a `Date` ends at, and so it counts twice, before
   * and after it.
   */
  #situation(): string {
    const now = this.#now()
    const starts = [...this.#runs.values()].map(({ flowRun }) => flowRun.nextScheduledStartTime ?? Infinity)
    const due = starts.filter((time) => time <= now).length + starts.filter((time) => time < now).length
    return `${this.#changes} ${due}`
  }

  #give({ workQueueId, flowRun }: FoundRun, poller: Poller, crashes: boolean): void {
    const queue = this.#world.queues.find(({ id }) => id === workQueueId)
    const run = this.#meet(flowRun, queue)
    // A poller does not take up again what it is about to start.
    if (run === undefined || queue === undefined || poller.submitting.has(flowRun.id)) return
    poller.submitting.add(flowRun.id)
    const handOut: HandOut = {
      at: this.#now(),
      run: flowRun.name,
      queue: queue.name,
      pool: queue.pool,
      poller: poller.name,
      outcome: 'open',
      startedAt: null,
      finishedAt: null,
    }
    this.#handOuts.push(handOut)
    if (this.#options.by === 'claim') this.#take(run, handOut)
    this.#timeline.add(this.#elapsed + this.#random.milliseconds(poller.startLatencySeconds), async () => {
      poller.submitting.delete(flowRun.id)
      if (this.#options.by === 'poll') await this.#submit(run, handOut)
      if (run.holder !== handOut) return
      if (crashes) handOut.outcome = 'abandoned'
      else await this.#begin(run, handOut)
    })
  }

  /** Prefect's guard: a run that is no longer SCHEDULED does not become PENDING. */
  async #submit(run: Run, handOut: HandOut): Promise<void> {
    if (run.holder !== undefined || run.isDone) {
      handOut.outcome = 'refused'
      return
    }
    await this.#enter(run, 'PENDING')
    this.#take(run, handOut)
  }

  /** The run is PENDING from now on. */
  #take(run: Run, handOut: HandOut): void {
    run.holder = handOut
    this.#changes++
    this.#ledger.enter(run.flowRun, handOut, this.#now())
    this.#timeline.add(this.#elapsed + this.#staleAfter + 1, async () => {
      if (run.holder === handOut && handOut.startedAt === null) await this.#release()
    })
  }

  async #begin(run: Run, handOut: HandOut): Promise<void> {
    handOut.outcome = 'started'
    handOut.startedAt = this.#now()
    run.startedAt = handOut.startedAt
    await this.#enter(run, 'RUNNING')
    this.#timeline.add(this.#elapsed + run.duration, async () => {
      handOut.finishedAt = this.#now()
      run.isDone = true
      this.#outstanding--
      await this.#enter(run, 'COMPLETED')
      this.#ledger.leave(run.flowRun.id, this.#now())
    })
  }

  /** A claim that was there before the simulation is given back when it is stale. */
  #expectRelease({ stateTimestamp }: FlowRun): void {
    const since = differenceInMilliseconds(stateTimestamp ?? this.#options.start, this.#options.start)
    this.#outstanding++
    this.#timeline.add(Math.max(0, since + this.#staleAfter) + 1, async () => {
      this.#outstanding--
      await this.#release()
    })
  }

  get #staleAfter(): number {
    return Math.round(this.#options.staleAfterSeconds * 1000)
  }

  async #release(): Promise<void> {
    const pendingBefore = addMilliseconds(this.#now(), -this.#staleAfter)
    this.#changes++
    for (const flowRun of await releaseStaleClaims(this.#session, { pendingBefore, now: this.#now() })) {
      this.#ledger.leave(flowRun.id, this.#now())
      const run = this.#meet(flowRun, queueOf(this.#world, flowRun))
      if (run?.holder?.outcome === 'open') run.holder.outcome = 'released'
      if (run !== undefined) run.holder = undefined
    }
  }

  async #enter({ flowRun }: Run, type: StateType): Promise<void> {
    this.#changes++
    await setFlowRunState(this.#session, flowRun.id, { type }, { now: this.#now() })
  }

  async #change(event: SimulatedEvent, path: string): Promise<void> {
    const { queue, pool, isPaused, concurrencyLimit, priority } = event
    const now = this.#now()
    this.#changes++
    let id: string
    if (queue === undefined) {
      id = findPool(this.#world, pool ?? '', path).id
      await updateWorkPool(this.#session, id, { isPaused, concurrencyLimit }, { now })
    } else {
      id = findQueue(this.#world, queue, pool, path).id
      await updateWorkQueue(this.#session, id, { isPaused, concurrencyLimit, priority }, { now })
    }
    if (concurrencyLimit !== undefined) this.#ledger.setLimit(id, concurrencyLimit, now)
  }
}
