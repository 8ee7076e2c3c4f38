import { z } from 'zod'
import {
  countSchema,
  indexedTextSchema,
  nameSchema,
  poolNameSchema,
  prioritySchema,
  timeSchema,
} from '../../model/checks.js'
import type { RequiredTables, Session } from '../../session.js'
import { TEST_CLOCK_START } from '../create-test-clock.js'
import type { SimulatedEvent, SimulatedPollers, SimulatedPool, SimulatedQueue, SimulatedRuns } from './options.js'
import type { Seconds } from './random.js'

type WithDefaults<T, K extends keyof T> = Omit<T, K> & { [P in K]-?: Exclude<T[P], undefined> }

/** Runs after the check. */
type CheckedRuns = WithDefaults<SimulatedRuns, 'count' | 'startSeconds' | 'durationSeconds'>

/** Pollers after the check. */
type CheckedPollers = WithDefaults<
  SimulatedPollers,
  'name' | 'count' | 'everySeconds' | 'startLatencySeconds' | 'crashProbability' | 'restartSeconds'
>

/** A simulation's options after the check. */
export interface CheckedOptions {
  readonly session?: Session<RequiredTables> | undefined
  readonly seed: number
  readonly by: 'claim' | 'poll'
  readonly start: Date
  readonly endSeconds: number
  readonly pools: readonly SimulatedPool[]
  readonly queues: readonly SimulatedQueue[]
  readonly runs: readonly CheckedRuns[]
  readonly pollers: readonly CheckedPollers[]
  readonly events: readonly SimulatedEvent[]
  readonly lateAfterSeconds: number
  readonly staleAfterSeconds: number
  readonly pollSeconds: number
}

const MAX_SECONDS = 1_000_000_000

const second = z.number().min(0).max(MAX_SECONDS)

/** A time span, or the least and the most of it. */
function span(least = 0): z.ZodType<Seconds> {
  const end = z.number().min(least).max(MAX_SECONDS)
  const range = z.tuple([end, end]).refine(([first, last]) => first <= last, 'must begin with the smaller number')
  return z.union([end, range])
}

const limit = countSchema.nullish()
const flag = z.boolean().optional()
const name = nameSchema.optional()

const pool = z.strictObject({ name: poolNameSchema, concurrencyLimit: limit, isPaused: flag })

const queue = z.strictObject({
  name: nameSchema,
  pool: name,
  priority: prioritySchema.optional(),
  concurrencyLimit: limit,
  isPaused: flag,
})

const runs = z.strictObject({
  queue: nameSchema,
  pool: name,
  name: indexedTextSchema.optional(),
  count: countSchema.default(1),
  startSeconds: span().default(0),
  durationSeconds: span().default(60),
})

const pollers = z.strictObject({
  name: nameSchema.default('poller'),
  count: countSchema.default(1),
  queue: name,
  pool: name,
  // A poller that polls again at once would do so for ever.
  everySeconds: span(0.001).default(10),
  firstPollSeconds: span().optional(),
  limit: countSchema.optional(),
  startLatencySeconds: span().default(1),
  crashProbability: z.number().min(0).max(1).default(0),
  restartSeconds: span().nullable().default(60),
})

const event = z
  .strictObject({
    atSeconds: second,
    queue: name,
    pool: name,
    isPaused: flag,
    concurrencyLimit: limit,
    priority: prioritySchema.optional(),
  })
  .refine((changed) => changed.queue !== undefined || changed.pool !== undefined, 'must name a queue or a pool')
  .refine((changed) => changed.queue !== undefined || changed.priority === undefined, {
    path: ['priority'],
    message: 'is of queues only',
  })

/** Checks the options of a simulation. */
export const simulatePollingSchema: z.ZodType<CheckedOptions> = z.strictObject({
  session: z
    .custom<Session<RequiredTables>>((value) => typeof value === 'object' && value !== null, 'must be a session')
    .optional(),
  seed: z.int().default(1),
  by: z.enum(['claim', 'poll']).default('claim'),
  start: timeSchema.prefault(() => new Date(TEST_CLOCK_START)),
  endSeconds: second.default(3600),
  pools: z.array(pool).default([]),
  queues: z.array(queue).default([]),
  runs: z.array(runs).default([]),
  pollers: z.array(pollers),
  events: z.array(event).default([]),
  lateAfterSeconds: second.default(15),
  staleAfterSeconds: second.default(60),
  pollSeconds: second.default(0),
})
