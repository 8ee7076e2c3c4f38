import * as z from 'zod'
import {
  callbackSchema,
  countSchema,
  indexedTextSchema,
  nameSchema,
  poolNameSchema,
  prioritySchema,
  timeSchema,
} from '../../model/checks.js'
import { DEFAULT_LEASE_SECONDS, leaseSecondsSchema } from '../../model/flow-run-lease.js'
import type { RequiredTables, Session } from '../../session.js'
import { TEST_CLOCK_START } from '../create-test-clock.js'
import type {
  SimulatedClaim,
  SimulatedEvent,
  SimulatedLeases,
  SimulatedPollers,
  SimulatedPool,
  SimulatedQueue,
  SimulatedRuns,
} from './options.js'
import type { Seconds } from './random.js'

type WithDefaults<T, K extends keyof T> = Omit<T, K> & { [P in K]-?: Exclude<T[P], undefined> }

/** Runs after the check. */
type CheckedRuns = WithDefaults<
  SimulatedRuns,
  'count' | 'startSeconds' | 'durationSeconds' | 'failProbability' | 'retries' | 'retryDelaySeconds'
>

/** Pollers after the check. */
type CheckedPollers = WithDefaults<
  SimulatedPollers,
  | 'name'
  | 'count'
  | 'everySeconds'
  | 'startLatencySeconds'
  | 'crashProbability'
  | 'restartSeconds'
  | 'deathProbability'
  | 'stallProbability'
  | 'stallSeconds'
  | 'renewalFailProbability'
  | 'renewalFailSeconds'
>

/** Leases after the check. */
type CheckedLeases = WithDefaults<
  SimulatedLeases,
  'leaseSeconds' | 'renewSeconds' | 'sweepSeconds' | 'runningTo' | 'fence'
>

/** A simulation's options after the check, without its session. */
export interface CheckedOptions {
  readonly seed: number
  readonly by: 'claim' | 'poll'
  readonly claim?: SimulatedClaim<any> | undefined
  readonly start: Date
  readonly endSeconds: number
  readonly pools: readonly SimulatedPool[]
  readonly queues: readonly SimulatedQueue[]
  readonly runs: readonly CheckedRuns[]
  readonly pollers: readonly CheckedPollers[]
  readonly events: readonly SimulatedEvent[]
  readonly lateAfterSeconds: number
  readonly staleAfterSeconds?: number | undefined
  readonly pollSeconds: number
  readonly leases?: CheckedLeases | undefined
}

const MAX_SECONDS = 1_000_000_000

/** More would hold too many histories in memory. */
const MAX_SEEDS = 10_000

const second = z.number().min(0).max(MAX_SECONDS)

/** A time span, or the least and the most of it. */
function span(least = 0): z.ZodType<Seconds> {
  const end = z.number().min(least).max(MAX_SECONDS)
  const range = z.tuple([end, end]).refine(([first, last]) => first <= last, 'must begin with the smaller number')
  return z.union([end, range])
}

const probability = z.number().min(0).max(1)
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
  failProbability: probability.default(0),
  retries: countSchema.default(0),
  retryDelaySeconds: span().default(0),
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
  capacity: countSchema.optional(),
  startLatencySeconds: span().default(1),
  crashProbability: probability.default(0),
  restartSeconds: span().nullable().default(60),
  deathProbability: probability.default(0),
  stallProbability: probability.default(0),
  stallSeconds: span().default(120),
  renewalFailProbability: probability.default(0),
  renewalFailSeconds: span().default(0),
})

// A timer of no time would go off for ever.
const period = z.number().min(0.001).max(MAX_SECONDS)

const leases = z
  .strictObject({
    leaseSeconds: leaseSecondsSchema.default(DEFAULT_LEASE_SECONDS),
    renewSeconds: period.optional(),
    sweepSeconds: period.default(15),
    runningTo: z.enum(['CRASHED', 'SCHEDULED']).default('CRASHED'),
    maxReleases: countSchema.optional(),
    fence: z.boolean().default(true),
  })
  .transform(({ renewSeconds, ...given }) => ({ ...given, renewSeconds: renewSeconds ?? given.leaseSeconds / 3 }))

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

const seed = z.int()

const policy = {
  session: z
    .custom<Session<RequiredTables>>((value) => typeof value === 'object' && value !== null, 'must be a session')
    .optional(),
  by: z.enum(['claim', 'poll']).default('claim'),
  claim: callbackSchema<SimulatedClaim<any>>().optional(),
  start: timeSchema.prefault(() => new Date(TEST_CLOCK_START)),
  endSeconds: second.default(3600),
  pools: z.array(pool).default([]),
  queues: z.array(queue).default([]),
  runs: z.array(runs).default([]),
  pollers: z.array(pollers),
  events: z.array(event).default([]),
  lateAfterSeconds: second.default(15),
  staleAfterSeconds: second.optional(),
  pollSeconds: second.default(0),
  leases: leases.optional(),
}

const usesItsClaim = ({ by, claim }: Pick<CheckedOptions, 'by' | 'claim'>): boolean =>
  by === 'claim' || claim === undefined
const unusedClaim = { path: ['claim'], message: "is used with by: 'claim' only" }

const usesItsLeases = ({ by, leases: given }: Pick<CheckedOptions, 'by' | 'leases'>): boolean =>
  by === 'claim' || given === undefined
const unusedLeases = { path: ['leases'], message: "is used with by: 'claim' only" }

const hasWhatFails = ({ leases: given, pollers: some }: Pick<CheckedOptions, 'leases' | 'pollers'>): boolean =>
  given !== undefined || some.every(({ renewalFailProbability }) => renewalFailProbability === 0)
const nothingFails = { path: ['leases'], message: 'is needed where renewals may fail' }

type InSession = { readonly session?: Session<RequiredTables> | undefined }

/** Checks the options of a simulation. */
export const simulatePollingSchema: z.ZodType<CheckedOptions & InSession> = z
  .strictObject({ ...policy, seed: seed.default(1) })
  .refine(usesItsClaim, unusedClaim)
  .refine(usesItsLeases, unusedLeases)
  .refine(hasWhatFails, nothingFails)

/** Checks the options of simulations with several seeds. */
export const simulatePollingsSchema: z.ZodType<
  Omit<CheckedOptions, 'seed'> & InSession & { seeds: readonly number[] }
> = z
  .strictObject({
    ...policy,
    seeds: z
      .union([z.array(seed).min(1), z.int().min(1).max(MAX_SEEDS)])
      .default(10)
      .transform((seeds) => (typeof seeds === 'number' ? Array.from({ length: seeds }, (_, i) => i + 1) : seeds)),
  })
  .refine(usesItsClaim, unusedClaim)
  .refine(usesItsLeases, unusedLeases)
  .refine(hasWhatFails, nothingFails)
