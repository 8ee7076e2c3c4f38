import {
  bulkUpdateWorkQueuePriorities,
  countWorkQueues,
  createWorkQueue,
  deleteWorkQueue,
  ensureWorkQueueExists,
  getRunsInWorkQueue,
  readWorkQueue,
  readWorkQueueByName,
  readWorkQueues,
  readWorkQueueStatus,
  recordWorkQueuePolls,
  updateWorkQueue,
} from 'kysely-work-queues'
import { testId } from '../../../support/factory.js'
import { not, orAbsent, orNull, type Refusals } from './refusals.js'

/** What the functions of work queues must refuse. */
export const workQueueRefusals: Refusals = {
  createWorkQueue: {
    '': [orAbsent(not.object), (db, input) => createWorkQueue(db, input)],
    name: [orAbsent(not.name), (db, name) => createWorkQueue(db, { name })],
    description: [not.text, (db, description) => createWorkQueue(db, { name: 'new', description })],
    isPaused: [orNull(not.flag), (db, isPaused) => createWorkQueue(db, { name: 'new', isPaused })],
    concurrencyLimit: [not.count, (db, concurrencyLimit) => createWorkQueue(db, { name: 'new', concurrencyLimit })],
    priority: [not.priority, (db, priority) => createWorkQueue(db, { name: 'new', priority })],
    workPoolId: [not.id, (db, workPoolId) => createWorkQueue(db, { name: 'new', workPoolId })],
    filter: [not.object, (db, filter) => createWorkQueue(db, { name: 'new', filter })],
    'filter.tags': [not.list, (db, tags) => createWorkQueue(db, { name: 'new', filter: { tags } })],
    'filter.tags.1': [
      orNull(not.text),
      (db, tag) => createWorkQueue(db, { name: 'new', filter: { tags: ['a', tag] } }),
    ],
    'filter.deploymentIds.0': [
      orNull(not.id),
      (db, id) => createWorkQueue(db, { name: 'new', filter: { deploymentIds: [id] } }),
    ],
    'filter.deployment_ids': [
      not.known,
      (db, deployment_ids) => createWorkQueue(db, { name: 'new', filter: { deployment_ids } as object }),
    ],
    lastPolled: [not.inputTime, (db, lastPolled) => createWorkQueue(db, { name: 'new', lastPolled })],
    status: [not.known, (db, status) => createWorkQueue(db, { name: 'new', status } as { name: string })],
    now: [orNull(not.time), (db, now) => createWorkQueue(db, { name: 'new' }, { now })],
    more: [not.known, (db, more) => createWorkQueue(db, { name: 'new' }, { more } as object)],
  },
  readWorkQueue: { id: [orAbsent(not.id), (db, id) => readWorkQueue(db, id)] },
  readWorkQueueByName: {
    name: [orAbsent(not.name), (db, name) => readWorkQueueByName(db, name)],
    workPoolName: [orNull(not.name), (db, workPoolName) => readWorkQueueByName(db, 'etl', { workPoolName })],
    more: [not.known, (db, more) => readWorkQueueByName(db, 'etl', { more } as object)],
    '': [orNull(not.object), (db, options) => readWorkQueueByName(db, 'etl', options)],
  },
  readWorkQueues: {
    '': [orNull(not.object), (db, options) => readWorkQueues(db, options)],
    limit: [orNull(not.count), (db, limit) => readWorkQueues(db, { limit })],
    offset: [orNull(not.count), (db, offset) => readWorkQueues(db, { offset })],
    workPoolId: [orNull(not.id), (db, workPoolId) => readWorkQueues(db, { workPoolId })],
    orderBy: [['id', 'NAME', '', null, 7], (db, orderBy) => readWorkQueues(db, { orderBy })],
    filter: [orNull(not.object), (db, filter) => readWorkQueues(db, { filter })],
    'filter.operator': [['xor', 'OR', null, 7], (db, operator) => readWorkQueues(db, { filter: { operator } })],
    'filter.id': [orNull(not.object), (db, id) => readWorkQueues(db, { filter: { id } })],
    'filter.id.any': [orNull(not.list), (db, any) => readWorkQueues(db, { filter: { id: { any } } })],
    'filter.id.any.1': [orNull(not.id), (db, id) => readWorkQueues(db, { filter: { id: { any: [testId(1), id] } } })],
    'filter.id.more': [not.known, (db, more) => readWorkQueues(db, { filter: { id: { more } as object } })],
    'filter.name.any': [orNull(not.list), (db, any) => readWorkQueues(db, { filter: { name: { any } } })],
    'filter.name.any.0': [orNull(not.text), (db, name) => readWorkQueues(db, { filter: { name: { any: [name] } } })],
    'filter.name.startsWith.0': [
      orNull(not.text),
      (db, prefix) => readWorkQueues(db, { filter: { name: { startsWith: [prefix] } } }),
    ],
    'filter.more': [not.known, (db, more) => readWorkQueues(db, { filter: { more } as object })],
    more: [not.known, (db, more) => readWorkQueues(db, { more } as object)],
  },
  countWorkQueues: {
    '': [orNull(not.object), (db, options) => countWorkQueues(db, options)],
    workPoolId: [orNull(not.id), (db, workPoolId) => countWorkQueues(db, { workPoolId })],
    'filter.id.any.0': [orNull(not.id), (db, id) => countWorkQueues(db, { filter: { id: { any: [id] } } })],
    'filter.name.more': [not.known, (db, more) => countWorkQueues(db, { filter: { name: { more } as object } })],
    limit: [not.known, (db, limit) => countWorkQueues(db, { limit } as object)],
  },
  updateWorkQueue: {
    '': [orAbsent(not.object), (db, patch, { queue }) => updateWorkQueue(db, queue, patch)],
    id: [orAbsent(not.id), (db, id) => updateWorkQueue(db, id, { name: 'new' })],
    name: [orNull(not.name), (db, name, { queue }) => updateWorkQueue(db, queue, { name })],
    description: [not.text, (db, description, { queue }) => updateWorkQueue(db, queue, { description })],
    isPaused: [orNull(not.flag), (db, isPaused, { queue }) => updateWorkQueue(db, queue, { isPaused })],
    concurrencyLimit: [
      not.count,
      (db, concurrencyLimit, { queue }) => updateWorkQueue(db, queue, { concurrencyLimit }),
    ],
    priority: [orNull(not.priority), (db, priority, { queue }) => updateWorkQueue(db, queue, { priority })],
    filter: [not.object, (db, filter, { queue }) => updateWorkQueue(db, queue, { filter })],
    'filter.deploymentIds': [
      not.list,
      (db, deploymentIds, { queue }) => updateWorkQueue(db, queue, { filter: { deploymentIds } }),
    ],
    'filter.more': [not.known, (db, more, { queue }) => updateWorkQueue(db, queue, { filter: { more } as object })],
    lastPolled: [not.inputTime, (db, lastPolled, { queue }) => updateWorkQueue(db, queue, { lastPolled })],
    status: [not.known, (db, status, { queue }) => updateWorkQueue(db, queue, { status } as object)],
    workPoolId: [not.known, (db, workPoolId, { queue }) => updateWorkQueue(db, queue, { workPoolId } as object)],
    now: [orNull(not.time), (db, now, { queue }) => updateWorkQueue(db, queue, { name: 'new' }, { now })],
    emitStatusChange: [
      orNull(not.callback),
      (db, emitStatusChange, { queue }) => updateWorkQueue(db, queue, { isPaused: true }, { emitStatusChange }),
    ],
    more: [not.known, (db, more, { queue }) => updateWorkQueue(db, queue, {}, { more } as object)],
  },
  deleteWorkQueue: {
    id: [orAbsent(not.id), (db, id) => deleteWorkQueue(db, id)],
    waitingRuns: [
      ['delete', 'KEEP', '', null, 7, true],
      (db, waitingRuns, { queue }) => deleteWorkQueue(db, queue, { waitingRuns }),
    ],
    'waitingRuns.moveTo': [
      orAbsent(not.id),
      (db, moveTo, { queue }) => deleteWorkQueue(db, queue, { waitingRuns: { moveTo } }),
    ],
    'waitingRuns.more': [
      not.known,
      (db, more, { queue }) =>
        deleteWorkQueue(db, queue, { waitingRuns: { moveTo: testId(404), ...({ more } as object) } }),
    ],
    now: [orNull(not.time), (db, now, { queue }) => deleteWorkQueue(db, queue, { now })],
    more: [not.known, (db, more, { queue }) => deleteWorkQueue(db, queue, { more } as object)],
  },
  ensureWorkQueueExists: {
    name: [orAbsent(not.name), (db, name) => ensureWorkQueueExists(db, name)],
    workPoolId: [orNull(not.id), (db, workPoolId) => ensureWorkQueueExists(db, 'new', { workPoolId })],
    now: [orNull(not.time), (db, now) => ensureWorkQueueExists(db, 'new', { now })],
    more: [not.known, (db, more) => ensureWorkQueueExists(db, 'new', { more } as object)],
  },
  getRunsInWorkQueue: {
    id: [orAbsent(not.id), (db, id) => getRunsInWorkQueue(db, id)],
    '': [orNull(not.object), (db, options, { queue }) => getRunsInWorkQueue(db, queue, options)],
    limit: [orNull(not.count), (db, limit, { queue }) => getRunsInWorkQueue(db, queue, { limit })],
    scheduledBefore: [
      orNull(not.time),
      (db, scheduledBefore, { queue }) => getRunsInWorkQueue(db, queue, { scheduledBefore }),
    ],
    scheduled_before: [
      not.known,
      (db, scheduled_before, { queue }) => getRunsInWorkQueue(db, queue, { scheduled_before } as object),
    ],
  },
  readWorkQueueStatus: {
    id: [orAbsent(not.id), (db, id) => readWorkQueueStatus(db, id)],
    now: [orNull(not.time), (db, now, { queue }) => readWorkQueueStatus(db, queue, { now })],
    more: [not.known, (db, more, { queue }) => readWorkQueueStatus(db, queue, { more } as object)],
  },
  recordWorkQueuePolls: {
    '': [orAbsent(not.object), (db, polls) => recordWorkQueuePolls(db, polls)],
    polledWorkQueueIds: [
      orAbsent(not.list),
      (db, polledWorkQueueIds, { queue }) =>
        recordWorkQueuePolls(db, { polledWorkQueueIds, readyWorkQueueIds: [queue] }),
    ],
    'polledWorkQueueIds.1': [
      orNull(not.id),
      (db, id, { queue }) => recordWorkQueuePolls(db, { polledWorkQueueIds: [queue, id], readyWorkQueueIds: [] }),
    ],
    'readyWorkQueueIds.0': [
      orNull(not.id),
      (db, id, { queue }) => recordWorkQueuePolls(db, { polledWorkQueueIds: [queue], readyWorkQueueIds: [id] }),
    ],
    emitStatusChange: [
      orNull(not.callback),
      (db, emitStatusChange, { queue }) =>
        recordWorkQueuePolls(db, { polledWorkQueueIds: [queue], readyWorkQueueIds: [], emitStatusChange }),
    ],
    now: [
      orNull(not.time),
      (db, now, { queue }) => recordWorkQueuePolls(db, { polledWorkQueueIds: [queue], readyWorkQueueIds: [], now }),
    ],
    more: [
      not.known,
      (db, more, { queue }) =>
        recordWorkQueuePolls(db, {
          polledWorkQueueIds: [queue],
          readyWorkQueueIds: [],
          ...({ more } as object),
        }),
    ],
  },
  bulkUpdateWorkQueuePriorities: {
    workPoolId: [orAbsent(not.id), (db, id, { queue }) => bulkUpdateWorkQueuePriorities(db, id, { [queue]: 1 })],
    newPriorities: [
      orAbsent(['x', 7, true, [1], new Set([1])]),
      (db, asked, { pool }) => bulkUpdateWorkQueuePriorities(db, pool, asked),
    ],
    'newPriorities.{queue}': [
      orAbsent(not.priority),
      (db, priority, { pool, queue }) => bulkUpdateWorkQueuePriorities(db, pool, new Map([[queue, priority]])),
    ],
    'newPriorities.not-an-id': [
      [1, 2],
      (db, priority, { pool }) => bulkUpdateWorkQueuePriorities(db, pool, { 'not-an-id': priority }),
    ],
    now: [
      orNull(not.time),
      (db, now, { pool, queue }) => bulkUpdateWorkQueuePriorities(db, pool, { [queue]: 1 }, { now }),
    ],
  },
}
