import { addSeconds, isBefore } from 'date-fns'
import {
  claimScheduledFlowRuns,
  type FlowRun,
  FlowRunStateConflictError,
  type FlowRunStateInput,
  recordWorkerHeartbeat,
  renewLeases,
  type RequiredTables,
  type Session,
  setFlowRunState,
} from 'kysely-work-queues'
import { HEARTBEAT_SECONDS, LEASE_SECONDS } from './load-plan.js'

/** A run that a worker holds, and when it does something about it next. */
interface Held {
  readonly run: FlowRun
  readonly at: Date
}

/** A worker that does nothing but claim runs, hold them for a while, and end them. */
export class LoadWorker<DB extends RequiredTables> {
  readonly name: string
  readonly #db: Session<DB>
  readonly #workPoolId: string
  readonly #capacity: number
  readonly #random: () => number
  #held: readonly Held[] = []
  #beatsAt = new Date(0)

  constructor(db: Session<DB>, name: string, workPoolId: string, capacity: number, random: () => number) {
    this.#db = db
    this.name = name
    this.#workPoolId = workPoolId
    this.#capacity = capacity
    this.#random = random
  }

  /** How many runs it holds. */
  get load(): number {
    return this.#held.length
  }

  /** Another in its place, which knows nothing of what it held. */
  successor(): LoadWorker<DB> {
    const [, name, number = '1'] = /^(.*?)(?:-(\d+))?$/.exec(this.name) ?? []
    return new LoadWorker(this.#db, `${name}-${Number(number) + 1}`, this.#workPoolId, this.#capacity, this.#random)
  }

  /** Does what is to be done by now. A worker that died is one that is not asked any more. */
  async step(now: Date): Promise<void> {
    if (!isBefore(now, this.#beatsAt)) await this.#beat(now)
    const moved: (Held | undefined)[] = []
    for (const held of this.#held) moved.push(isBefore(now, held.at) ? held : await this.#move(held.run, now))
    this.#held = moved.filter((held) => held !== undefined)
    const limit = this.#capacity - this.#held.length
    const claimed = await claimScheduledFlowRuns(this.#db, {
      workPoolIds: [this.#workPoolId],
      limit,
      holder: this.name,
      leaseSeconds: LEASE_SECONDS,
      recordPolls: true,
      now,
    })
    this.#held = [...this.#held, ...claimed.map(({ flowRun: run }) => ({ run, at: addSeconds(now, 1) }))]
  }

  async #beat(now: Date): Promise<void> {
    this.#beatsAt = addSeconds(now, HEARTBEAT_SECONDS)
    const flowRunIds = this.#held.map(({ run }) => run.id)
    const options = { heartbeatIntervalSeconds: HEARTBEAT_SECONDS, now }
    await recordWorkerHeartbeat(this.#db, this.#workPoolId, this.name, options)
    const { held, cancelling } = await renewLeases(this.#db, this.name, {
      leaseSeconds: LEASE_SECONDS,
      flowRunIds,
      now,
    })
    for (const id of cancelling) {
      const expectedStateTypes = ['CANCELLING' as const]
      await setFlowRunState(this.#db, id, { type: 'CANCELLED' }, { expectedStateTypes, now })
    }
    this.#held = this.#held.filter(({ run }) => held.includes(run.id) && !cancelling.includes(run.id))
  }

  /** Starts a run, or ends it. One that was taken away meanwhile is another's. */
  async #move(run: FlowRun, now: Date): Promise<Held | undefined> {
    const isStart = run.stateType === 'PENDING'
    const change: FlowRunStateInput = isStart
      ? { type: 'RUNNING' }
      : this.#random() < 0.05
        ? { type: 'FAILED', message: 'as one in twenty does' }
        : { type: 'COMPLETED' }
    try {
      const expectedStateId = run.stateId ?? undefined
      const moved = await setFlowRunState(this.#db, run.id, change, { expectedStateId, now })
      return isStart ? { run: moved, at: addSeconds(now, Number(run.parameters['seconds'])) } : undefined
    } catch (error) {
      if (error instanceof FlowRunStateConflictError) return undefined
      throw error
    }
  }
}
