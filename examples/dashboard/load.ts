import { addMilliseconds, addSeconds, isBefore } from 'date-fns'
import {
  createFlowRuns,
  ensureWorkPoolExists,
  ensureWorkQueueExists,
  type FlowRunCreate,
  readWorkQueueStats,
  type RequiredTables,
  runUpkeep,
  type Session,
  updateWorkPool,
  updateWorkQueue,
} from 'kysely-work-queues'
import {
  DEATH_SECONDS,
  PLAN,
  type PlannedPool,
  type PlannedQueue,
  REPLACEMENT_SECONDS,
  UPKEEP_SECONDS,
} from './load-plan.js'
import { LoadWorker } from './load-worker.js'
import { seededRandom } from './seeded-random.js'

interface LoadQueue {
  readonly id: string
  readonly plan: PlannedQueue
  /** What of a run has arrived: whole ones are created. */
  arrived: number
}

/**
 * Something to look at: runs that arrive, workers that claim them in their own names, one that dies now and then, and the upkeep that gives
 * back what it held. It has no timer: whoever calls `step` says what time it is, so that the same seed and the same times make the same.
 */
export class Load<DB extends RequiredTables> {
  readonly #db: Session<DB>
  readonly #random: () => number
  readonly #queues: LoadQueue[] = []
  #workers: LoadWorker<DB>[] = []
  #births: { readonly at: Date; readonly give: () => LoadWorker<DB> }[] = []
  #steppedAt: Date
  #upkeepAt: Date
  #deathAt: Date
  #runs = 0

  private constructor(db: Session<DB>, seed: number, start: Date) {
    this.#db = db
    this.#random = seededRandom(seed)
    this.#steppedAt = start
    this.#upkeepAt = start
    this.#deathAt = addSeconds(start, DEATH_SECONDS / 2)
  }

  /** Makes the pools and queues of the plan what it says. */
  static async setUp<DB extends RequiredTables>(
    db: Session<DB>,
    { seed = 1, start = new Date() } = {},
  ): Promise<Load<DB>> {
    const load = new Load(db, seed, start)
    for (const pool of PLAN) await load.#setUpPool(pool)
    return load
  }

  async #setUpPool({ name, queues, workers, capacity, ...pool }: PlannedPool): Promise<void> {
    const concurrencyLimit = pool.concurrencyLimit ?? null
    const { workPool } = await ensureWorkPoolExists(this.#db, { name, type: 'process', concurrencyLimit })
    await updateWorkPool(this.#db, workPool.id, { concurrencyLimit })
    for (const plan of queues) {
      const { id } = await ensureWorkQueueExists(this.#db, plan.name, { workPoolId: workPool.id })
      const { priority, concurrencyLimit, isPaused = false } = plan
      await updateWorkQueue(this.#db, id, { priority, concurrencyLimit: concurrencyLimit ?? null, isPaused })
      this.#queues.push({ id, plan, arrived: 0 })
    }
    for (const worker of workers) {
      this.#workers.push(new LoadWorker(this.#db, worker, workPool.id, capacity, this.#random))
    }
  }

  /** Does what is to be done by now. */
  async step(now: Date): Promise<void> {
    const seconds = (now.getTime() - this.#steppedAt.getTime()) / 1000
    this.#steppedAt = now
    await this.#arrive(seconds, now)
    this.#die(now)
    for (const worker of this.#workers) await worker.step(now)
    if (isBefore(now, this.#upkeepAt)) return
    this.#upkeepAt = addSeconds(now, UPKEEP_SECONDS)
    await runUpkeep(this.#db, {
      lateAfterSeconds: 45,
      runningTo: 'SCHEDULED',
      maxReleases: 3,
      pruneWorkersAfterSeconds: 60,
      pruneFlowRunsAfterSeconds: 300,
      now,
    })
  }

  async #arrive(seconds: number, now: Date): Promise<void> {
    const stats = await readWorkQueueStats(this.#db, { workQueueIds: this.#queues.map(({ id }) => id), cap: 100, now })
    const waiting = new Map(stats.map(({ workQueueId, scheduled }) => [workQueueId, scheduled]))
    const runs: FlowRunCreate[] = []
    for (const queue of this.#queues) {
      const { name, perMinute, most, ahead, takes } = queue.plan
      if ((waiting.get(queue.id) ?? 0) >= most) continue
      queue.arrived += (seconds / 60) * perMinute * 2 * this.#random()
      for (; queue.arrived >= 1; queue.arrived--) {
        const [least, longest] = takes
        runs.push({
          name: `${name}-${++this.#runs}`,
          workQueueId: queue.id,
          nextScheduledStartTime: addMilliseconds(now, Math.floor(this.#random() * ahead * 1000)),
          parameters: { seconds: least + this.#random() * (longest - least) },
        })
      }
    }
    if (runs.length > 0) await createFlowRuns(this.#db, runs, { now })
  }

  /** The worker that holds most dies in the middle of it, says nothing, and is replaced some time later. */
  #die(now: Date): void {
    const born = this.#births.filter(({ at }) => !isBefore(now, at))
    this.#births = this.#births.filter((birth) => !born.includes(birth))
    this.#workers.push(...born.map(({ give }) => give()))
    if (isBefore(now, this.#deathAt)) return
    this.#deathAt = addSeconds(now, DEATH_SECONDS)
    const [busiest] = this.#workers.toSorted((a, b) => b.load - a.load)
    if (busiest === undefined) return
    this.#workers = this.#workers.filter((worker) => worker !== busiest)
    this.#births.push({ at: addSeconds(now, REPLACEMENT_SECONDS), give: () => busiest.successor() })
  }
}
