import { type Kysely, sql } from 'kysely'
import { type StateType, WorkQueueError, type WorkQueueTables } from 'kysely-work-queues'
import { defaultStateName } from 'kysely-work-queues/rules'
import type { TestDatabase } from '../../support/databases.js'
import { factory, type Row } from '../../support/factory.js'
import { type Arguments, toArguments, toColumns } from './arguments.js'
import { OPERATIONS, withoutCounterpart } from './operations.js'
import { BASE, flowRunId, type Json, Symbols } from './symbols.js'
import { difference, readState, type State, toResult } from './trace.js'

/** A step of a scenario. */
export interface Step {
  readonly op: string
  readonly args?: { readonly [key: string]: Json }
  readonly as?: string
  readonly emit?: false
  readonly steps?: readonly Step[]
  readonly rollback?: true
}

/** A scenario: what was done. */
export interface Scenario {
  readonly name: string
  readonly steps: readonly Step[]
}

/** What a step gave: the trace of it. */
export interface StepTrace {
  result?: Json
  error?: string
  /** What Prefect said with some of its errors. */
  message?: string
  emitted?: Json[]
  state?: { [table: string]: { [symbol: string]: Json } }
  steps?: StepTrace[]
  /** Why the step was not taken. */
  skipped?: string
}

/** Replays a scenario, each step in a transaction of its own that is rolled back when the step raises. */
export async function replay(database: TestDatabase, scenario: Scenario): Promise<StepTrace[]> {
  const replayer = new Replayer(database)
  const traces: StepTrace[] = []
  for (const step of scenario.steps) traces.push(await replayer.run(step))
  return traces
}

class Replayer {
  readonly #database: TestDatabase
  readonly #symbols: Symbols
  /** What the last step left in the tables. */
  #state: State = {}
  #step = 0
  #advanced = 0

  constructor(database: TestDatabase) {
    this.#database = database
    this.#symbols = new Symbols(database.plain)
  }

  /** Takes the next step, and says what it answered and what it changed. */
  async run(step: Step): Promise<StepTrace> {
    if (step.op === 'clock.advance') this.#advanced += Number(Object.values(step.args ?? {})[0])
    const now = new Date(BASE + (this.#step++ + this.#advanced) * 1000)
    const trace = (await this.#writeRows(step, now)) ? {} : await this.#take(step, now)
    const before = this.#state
    this.#state = await readState(this.#database, this.#symbols)
    const state = difference(before, this.#state)
    // Runs that a scenario inserts are part of the scenario, not of the answer.
    if (Object.keys(state).length > 0 && step.op !== 'flow_runs.insert') trace.state = state
    return trace
  }

  async #take(step: Step, now: Date): Promise<StepTrace> {
    const rollback = new Error('rolled back on purpose')
    let trace: StepTrace = {}
    await this.#database.db
      .transaction()
      .execute(async (trx) => {
        this.#symbols.session = trx
        trace = step.op === 'tx' ? { steps: await this.#takeEach(trx, step, now) } : await this.#call(trx, step, now)
        if (trace.error !== undefined || step.rollback) throw rollback
      })
      .catch((error: unknown) => {
        if (error !== rollback) throw error
      })
    this.#symbols.session = this.#database.plain
    return trace
  }

  async #takeEach(trx: Kysely<WorkQueueTables>, step: Step, now: Date): Promise<StepTrace[]> {
    const traces: StepTrace[] = []
    for (const inner of step.steps ?? []) {
      await sql`savepoint step`.execute(trx)
      const trace = await this.#call(trx, inner, now)
      await (trace.error === undefined ? sql`release savepoint step` : sql`rollback to savepoint step`).execute(trx)
      traces.push(trace)
    }
    return traces
  }

  async #call(db: Kysely<WorkQueueTables>, step: Step, now: Date): Promise<StepTrace> {
    const args = await toArguments(step.args, this.#symbols, now)
    const skipped = withoutCounterpart(step.op, args)
    if (skipped !== undefined) return { skipped }
    const operation = OPERATIONS[step.op]
    if (operation === undefined) throw new Error(`no such operation: ${step.op}`)

    const emitted: Json[] = []
    const trace: StepTrace = {}
    try {
      const value = await operation({
        db,
        args: applySchema(step, args),
        now,
        emitted: step.emit === false ? undefined : emitted,
      })
      if (step.as !== undefined) this.#symbols.set(step.as, (value as { id: string }).id)
      trace.result = await toResult(value, this.#symbols)
    } catch (error) {
      if (!(error instanceof WorkQueueError)) throw error
      trace.error = error.name
    }
    if (emitted.length > 0) trace.emitted = emitted
    return trace
  }

  /** Steps that write rows past the functions. Says whether it was one. */
  async #writeRows({ op, args }: Step, now: Date): Promise<boolean> {
    const make = factory(this.#database)
    const columns = await toColumns(args, this.#symbols, now)
    if (op === 'flow_runs.insert') {
      for (const { as, n, states, ...run } of columns['runs'] as Arguments[]) {
        const id = await make.run({ id: flowRunId(n), ...run })
        this.#symbols.set(as, id)
        for (const state of (states ?? []) as Row[]) await make.state({ ...state, flow_run_id: id })
      }
    } else if (op === 'worker.set') {
      const { work_pool_id, name, values } = columns
      await this.#database.plain
        .updateTable('worker')
        .set(values)
        .where('work_pool_id', '=', work_pool_id)
        .where('name', '=', name)
        .execute()
    } else if (op === 'flow_runs.set' || op === 'queue.set' || op === 'pool.set') {
      const table = op === 'queue.set' ? 'work_queue' : op === 'pool.set' ? 'work_pool' : 'flow_run'
      await make.set(table, columns['id'], withStateName(columns['values'] as Row))
    } else {
      return op === 'deployments.insert' || op === 'clock.advance'
    }
    return true
  }
}

/** A run that is put in a state has the capitalised state type as its state's name, when the scenario names no other. */
function withStateName(values: Row): Row {
  const type = values['state_type']
  return typeof type === 'string' ? { state_name: defaultStateName(type as StateType), ...values } : values
}

/** Prefect's inner schema of a queue has a priority of its own, 1; ours has one schema. */
function applySchema({ args }: Step, call: Arguments): Arguments {
  const body = args?.['work_queue'] as { $schema?: string; priority?: number } | undefined
  if (body?.$schema !== 'core.WorkQueue' || body.priority !== undefined) return call
  return { ...call, workQueue: { ...call['workQueue'], priority: 1 } }
}
