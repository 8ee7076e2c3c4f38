import { type NamedEvent, prefectEventName } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'

const updated = (resource: NamedEvent['resource'], after: object): string | undefined =>
  prefectEventName({ resource, kind: 'updated', after })

test.each(['work-pool', 'work-queue'] as const)(
  'a %s has the names of its statuses, and of its creation and end',
  (resource) => {
    expect(prefectEventName({ resource, kind: 'created', after: { name: 'a', status: 'READY' } })).toBe(
      `prefect.${resource}.created`,
    )
    expect(prefectEventName({ resource, kind: 'deleted', after: null })).toBe(`prefect.${resource}.deleted`)
    expect(updated(resource, { status: 'READY' })).toBe(`prefect.${resource}.ready`)
    expect(updated(resource, { status: 'NOT_READY' })).toBe(`prefect.${resource}.not-ready`)
    expect(updated(resource, { isPaused: true, status: 'PAUSED' })).toBe(`prefect.${resource}.paused`)
    expect(updated(resource, { description: 'd', status: 'PAUSED' })).toBe(`prefect.${resource}.paused`)
  },
)

test('an update has a name where Prefect reports the property', () => {
  const named = (resource: NamedEvent['resource'], properties: readonly string[]): string[] =>
    properties.filter((property) => updated(resource, { [property]: null }) === `prefect.${resource}.updated`)
  const properties = [
    'name',
    'description',
    'type',
    'isPaused',
    'concurrencyLimit',
    'priority',
    'filter',
    'workPoolId',
    'defaultQueueId',
    'baseJobTemplate',
    'storageConfiguration',
  ]
  const ofPools = ['description', 'concurrencyLimit', 'baseJobTemplate', 'storageConfiguration']
  expect(named('work-pool', properties)).toEqual(ofPools)
  expect(named('work-queue', properties)).toEqual(['name', 'description', 'concurrencyLimit', 'priority'])
  expect(updated('work-queue', { filter: null })).toBeUndefined()
  expect(updated('work-pool', { name: 'b' })).toBeUndefined()
})

test('a run has the name of the state that it entered, also when it is created', () => {
  expect(updated('flow-run', { stateId: 'x', stateType: 'PENDING', stateName: 'Pending' })).toBe(
    'prefect.flow-run.Pending',
  )
  expect(updated('flow-run', { stateId: 'x', stateName: 'AwaitingRetry' })).toBe('prefect.flow-run.AwaitingRetry')
  expect(prefectEventName({ resource: 'flow-run', kind: 'created', after: { stateName: 'Scheduled' } })).toBe(
    'prefect.flow-run.Scheduled',
  )
})

test('what Prefect’s server sends nothing for has no name', () => {
  expect(prefectEventName({ resource: 'flow-run', kind: 'created', after: { stateName: null } })).toBeUndefined()
  expect(prefectEventName({ resource: 'flow-run', kind: 'deleted', after: null })).toBeUndefined()
  expect(updated('flow-run', { stateId: 'x' })).toBeUndefined()
  expect(updated('worker', { status: 'ONLINE' })).toBeUndefined()
  expect(prefectEventName({ resource: 'worker', kind: 'created', after: { status: 'ONLINE' } })).toBeUndefined()
  expect(prefectEventName({ resource: 'worker', kind: 'deleted', after: null })).toBeUndefined()
})
