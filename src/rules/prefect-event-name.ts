/** What a change was of: the kind of its resource, as Prefect's events name it. */
export type EventResource = 'work-pool' | 'work-queue' | 'worker' | 'flow-run'

/** What {@link prefectEventName} asks of an event. */
export interface NamedEvent {
  readonly resource: EventResource
  readonly kind: 'created' | 'updated' | 'deleted'
  /** The properties that changed, as they now are. */
  readonly after: object | null
}

/** What Prefect calls an update: beside these, it reports the status, under a name of its own. */
const UPDATED_PROPERTIES = {
  'work-pool': ['description', 'baseJobTemplate', 'concurrencyLimit', 'storageConfiguration'],
  'work-queue': ['name', 'description', 'concurrencyLimit', 'priority'],
} as const

/**
 * The name under which Prefect's server sends an event for such a change, or `undefined` where it sends none.
 *
 * Pools and queues: `prefect.work-queue.created`, `.deleted`, for another status `.ready`, `.not-ready` or
 * `.paused`, and `.updated` for properties that Prefect reports. Where a status and others change at once,
 * Prefect sends two, and this is the name for the status. Runs: `prefect.flow-run.` and the name of the state
 * that was entered, also by a run that is created. Prefect's server sends none for a worker's status, for a
 * run that is deleted, and none is known for a state of the same name as before.
 *
 * Source: `work_queue_status_event` and others of Prefect's `models.events`, and what calls them in
 * `models.work_queues` and `models.workers`.
 *
 * @example
 * ```ts
 * prefectEventName({ resource: 'work-queue', kind: 'updated', after: { status: 'NOT_READY' } })
 * // 'prefect.work-queue.not-ready'
 * prefectEventName({ resource: 'flow-run', kind: 'updated', after: { stateName: 'Pending' } })
 * // 'prefect.flow-run.Pending'
 * ```
 */
export function prefectEventName({ resource, kind, after }: NamedEvent): string | undefined {
  const properties = (after ?? {}) as { readonly status?: unknown; readonly stateName?: unknown }
  if (resource === 'worker') return undefined
  if (resource === 'flow-run') {
    return typeof properties.stateName === 'string' ? `prefect.flow-run.${properties.stateName}` : undefined
  }
  if (kind !== 'updated') return `prefect.${resource}.${kind}`
  if (typeof properties.status === 'string') {
    return `prefect.${resource}.${properties.status.toLowerCase().replaceAll('_', '-')}`
  }
  const isUpdate = UPDATED_PROPERTIES[resource].some((property) => property in properties)
  return isUpdate ? `prefect.${resource}.updated` : undefined
}
