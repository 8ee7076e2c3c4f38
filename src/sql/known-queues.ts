import { type RawBuilder, sql } from 'kysely'
import { decodeStored } from '../model/columns.js'
import { type WorkQueue, workQueueColumns } from '../model/work-queue.js'
import type { Scope } from '../session.js'
import { inSchema, perInstance } from './per-instance.js'
import { takesNames } from './runs.js'

/** What matters of a queue and its pool to polls and claims. */
export interface Place {
  readonly workPoolId: string
  readonly isQueueLimited: boolean
  readonly isPoolLimited: boolean
  /** Whether the queue or its pool is paused. */
  readonly isPaused: boolean
  /** Whether runs without a queue id belong to it by its name: it is in the default agent pool. */
  readonly takesNames: boolean
  /** Whether it takes runs by a tag filter. */
  readonly hasFilter: boolean
}

/** A place as the last poll or claim met it. */
export interface KnownPlace extends Place {
  /** Whether the last claim found nothing. */
  readonly foundNothing: boolean
}

/** What is assumed of a queue that was not met yet. */
export const UNLIMITED: KnownPlace = {
  workPoolId: '',
  isQueueLimited: false,
  isPoolLimited: false,
  isPaused: false,
  takesNames: false,
  hasFilter: false,
  foundNothing: false,
}

/** Whether a statement for the one place is right for the other. A pause is found by each. */
export function isSamePlace(a: Place, b: Place): boolean {
  return (
    a.isQueueLimited === b.isQueueLimited &&
    a.isPoolLimited === b.isPoolLimited &&
    a.takesNames === b.takesNames &&
    a.hasFilter === b.hasFilter
  )
}

/** Whether claims of the place need no turn. */
export function isOpenToAll({ isQueueLimited, isPoolLimited, hasFilter }: Place): boolean {
  return !isQueueLimited && !isPoolLimited && !hasFilter
}

// The statements of polls and claims depend on what the queue and its pool are, and to ask first would cost a
// round trip each time. So the last answer is remembered: never trusted, since each statement finds out
// itself, and one trip dearer when it is wrong.
const placesOf = perInstance(() => new Map<string, KnownPlace>())

/** Begun anew at this size, which takes some megabytes. */
const MOST_PLACES = 10_000

/** What the last poll or claim of the queue met. */
export function recall(scope: Scope, workQueueId: string): KnownPlace | undefined {
  return placesOf(scope).get(inSchema(scope, workQueueId))
}

/** Keeps what was met for the next time. */
export function remember(scope: Scope, workQueueId: string, place: KnownPlace): void {
  const places = placesOf(scope)
  if (places.size >= MOST_PLACES) places.clear()
  places.set(inSchema(scope, workQueueId), place)
}

/** What the last claim over these pools and queues met: a limit of one of them, or nothing to claim. */
export function recallPools(scope: Scope, asked: AskedPools): KnownPlace | undefined {
  return recall(scope, keyOfPools(asked))
}

/** Keeps that for the next claim over the same pools and queues. */
export function rememberPools(
  scope: Scope,
  asked: AskedPools,
  met: Partial<Pick<KnownPlace, 'isPoolLimited' | 'foundNothing'>>,
): void {
  remember(scope, keyOfPools(asked), { ...UNLIMITED, ...met })
}

/** What a claim over pools asks for. */
interface AskedPools {
  readonly workPoolIds?: readonly string[] | undefined
  readonly workQueueIds?: readonly string[] | undefined
}

/** Names what is asked. Of long lists, the first ids stand for all: it is a hint. */
function keyOfPools({ workPoolIds, workQueueIds }: AskedPools): string {
  return [workPoolIds, workQueueIds].map((ids) => ids?.slice(0, 10).join() ?? 'all').join(' ')
}

/**
 * PostgreSQL: what a statement says of the place, from the queue under the alias `queue` and its pool under
 * `pool`: as JSON, which no type parser of a host touches.
 */
export function placeRecord(): RawBuilder<unknown> {
  return sql`cast(json_build_object(
    'queue', row_to_json(queue),
    'isPoolLimited', pool.concurrency_limit is not null,
    'isPoolPaused', pool.is_paused,
    'takesNames', ${takesNames('pool')}
  ) as text)`
}

/** What {@link placeRecord} says, with the columns of the queue that are asked here. */
interface PlaceRecord {
  readonly queue: {
    readonly work_pool_id: string
    readonly concurrency_limit: number | null
    readonly is_paused: boolean
    readonly filter: unknown
  }
  readonly isPoolLimited: boolean
  readonly isPoolPaused: boolean
  readonly takesNames: boolean
}

/**
 * Reads what {@link placeRecord} selects.
 *
 * @param changed - The queue as the statement has left it, if it has written it.
 */
export function readPlace(record: string, changed?: string | null): { place: Place; workQueue: WorkQueue } {
  const { queue, isPoolLimited, isPoolPaused, takesNames: byName } = JSON.parse(record) as PlaceRecord
  const place = {
    workPoolId: queue.work_pool_id,
    isQueueLimited: queue.concurrency_limit !== null,
    isPoolLimited,
    isPaused: queue.is_paused || isPoolPaused,
    takesNames: byName,
    hasFilter: queue.filter !== null,
  }
  const row = typeof changed === 'string' ? (JSON.parse(changed) as object) : queue
  return { place, workQueue: decodeStored(workQueueColumns, row) }
}
