import {
  countFlowRuns,
  countFlowRunsByState,
  countWorkPools,
  cancelFlowRun,
  createFlowRun,
  createFlowRuns,
  createWorkPool,
  deleteWorkPool,
  ensureWorkPoolExists,
  readFlowRun,
  readFlowRuns,
  readFlowRunStates,
  readWorkPool,
  readWorkPoolByName,
  readWorkPools,
  retryFlowRun,
  setFlowRunState,
  setFlowRunStates,
} from 'kysely-work-queues'
import { type Call, not, orAbsent, orNull, type Refusals } from './refusals.js'

/** The keys of a new flow run: what each must not be, and whether `null` is a value. */
const flowRunKeys: Record<string, readonly unknown[]> = {
  id: orNull(not.id),
  name: orNull(not.indexed),
  flowId: orNull(not.id),
  deploymentId: not.id,
  workQueueId: not.id,
  workQueueName: not.name,
  stateType: not.stateType,
  stateName: not.label,
  stateTimestamp: not.inputTime,
  runCount: orNull(not.count),
  expectedStartTime: not.inputTime,
  nextScheduledStartTime: not.inputTime,
  startTime: not.inputTime,
  endTime: not.inputTime,
  parameters: orNull(not.json),
  context: orNull(not.json),
  tags: orNull(not.list),
  labels: not.labels,
  idempotencyKey: not.indexed,
  parentTaskRunId: not.id,
  infrastructurePid: not.text,
  jobVariables: not.json,
  empiricalPolicy: orNull(not.empiricalPolicy),
  autoScheduled: orNull(not.flag),
  created: not.known,
  state_type: not.known,
}

const createWithKey: Refusals[string] = Object.fromEntries(
  Object.entries(flowRunKeys).map(([key, values]) => {
    const call: Call = (db, value) => createFlowRuns(db, [{}, { [key]: value }])
    return [`1.${key}`, [values, call]]
  }),
)

/** The criteria of a flow run's filter that take a list. */
const filterKeys: Record<string, readonly unknown[]> = {
  id: orNull(not.id),
  name: orNull(not.text),
  flowId: orNull(not.id),
  deploymentId: orNull(not.id),
  workQueueId: orNull(not.id),
  workQueueName: orNull(not.text),
  stateType: orNull(not.stateType),
  stateName: orNull(not.text),
}

const readWithCriterion: Refusals[string] = Object.fromEntries(
  Object.entries(filterKeys).flatMap(([key, values]): [string, readonly [readonly unknown[], Call]][] => [
    [`filter.${key}.any.0`, [values, (db, value) => readFlowRuns(db, { filter: { [key]: { any: [value] } } })]],
    [`filter.${key}.any`, [orNull(not.list), (db, any) => readFlowRuns(db, { filter: { [key]: { any } } })]],
    [`filter.${key}.more`, [not.known, (db, more) => readFlowRuns(db, { filter: { [key]: { more } } })]],
    [`filter.${key}`, [orNull(not.object), (db, value) => readFlowRuns(db, { filter: { [key]: value } })]],
  ]),
)

/** What the functions of work pools and of flow runs must refuse. */
export const poolAndRunRefusals: Refusals = {
  createWorkPool: {
    '': [orAbsent(not.object), (db, input) => createWorkPool(db, input)],
    name: [orAbsent(not.poolName), (db, name) => createWorkPool(db, { name })],
    type: [orNull(not.label), (db, type) => createWorkPool(db, { name: 'new', type })],
    description: [not.text, (db, description) => createWorkPool(db, { name: 'new', description })],
    baseJobTemplate: [orNull(not.json), (db, baseJobTemplate) => createWorkPool(db, { name: 'new', baseJobTemplate })],
    isPaused: [orNull(not.flag), (db, isPaused) => createWorkPool(db, { name: 'new', isPaused })],
    concurrencyLimit: [not.count, (db, concurrencyLimit) => createWorkPool(db, { name: 'new', concurrencyLimit })],
    storageConfiguration: [
      orNull(not.storageConfiguration),
      (db, storageConfiguration) => createWorkPool(db, { name: 'new', storageConfiguration }),
    ],
    defaultQueueId: [
      not.known,
      (db, defaultQueueId) => createWorkPool(db, { name: 'new', ...({ defaultQueueId } as object) }),
    ],
    now: [orNull(not.time), (db, now) => createWorkPool(db, { name: 'new' }, { now })],
    more: [not.known, (db, more) => createWorkPool(db, { name: 'new' }, { more } as object)],
  },
  ensureWorkPoolExists: {
    '': [orAbsent(not.object), (db, input) => ensureWorkPoolExists(db, input)],
    name: [orAbsent(not.poolName), (db, name) => ensureWorkPoolExists(db, { name })],
    baseJobTemplate: [
      orNull(not.json),
      (db, baseJobTemplate) => ensureWorkPoolExists(db, { name: 'new', baseJobTemplate }),
    ],
    now: [orNull(not.time), (db, now) => ensureWorkPoolExists(db, { name: 'new' }, { now })],
    more: [not.known, (db, more) => ensureWorkPoolExists(db, { name: 'new' }, { more } as object)],
  },
  readWorkPool: { id: [orAbsent(not.id), (db, id) => readWorkPool(db, id)] },
  readWorkPoolByName: { name: [orAbsent(not.name), (db, name) => readWorkPoolByName(db, name)] },
  readWorkPools: {
    '': [orNull(not.object), (db, options) => readWorkPools(db, options)],
    limit: [orNull(not.count), (db, limit) => readWorkPools(db, { limit })],
    offset: [orNull(not.count), (db, offset) => readWorkPools(db, { offset })],
    filter: [orNull(not.object), (db, filter) => readWorkPools(db, { filter })],
    'filter.operator': [['xor', null], (db, operator) => readWorkPools(db, { filter: { operator } })],
    'filter.id.any.0': [orNull(not.id), (db, id) => readWorkPools(db, { filter: { id: { any: [id] } } })],
    'filter.name.any.0': [orNull(not.text), (db, name) => readWorkPools(db, { filter: { name: { any: [name] } } })],
    'filter.type.any': [orNull(not.list), (db, any) => readWorkPools(db, { filter: { type: { any } } })],
    'filter.name.startsWith': [
      not.known,
      (db, startsWith) => readWorkPools(db, { filter: { name: { startsWith } as object } }),
    ],
    orderBy: [not.known, (db, orderBy) => readWorkPools(db, { orderBy } as object)],
  },
  countWorkPools: {
    '': [orNull(not.object), (db, options) => countWorkPools(db, options)],
    'filter.id.any.0': [orNull(not.id), (db, id) => countWorkPools(db, { filter: { id: { any: [id] } } })],
    limit: [not.known, (db, limit) => countWorkPools(db, { limit } as object)],
  },
  deleteWorkPool: { id: [orAbsent(not.id), (db, id) => deleteWorkPool(db, id)] },
  createFlowRuns: {
    '': [orAbsent(not.list), (db, inputs) => createFlowRuns(db, inputs)],
    '1': [orAbsent(not.object), (db, input) => createFlowRuns(db, [{}, input])],
    '0.tags.1': [orNull(not.text), (db, tag) => createFlowRuns(db, [{ tags: ['a', tag] }])],
    now: [orNull(not.time), (db, now) => createFlowRuns(db, [{}], { now })],
    more: [not.known, (db, more) => createFlowRuns(db, [{}], { more } as object)],
    ...createWithKey,
  },
  readFlowRun: { id: [orAbsent(not.id), (db, id) => readFlowRun(db, id)] },
  readFlowRuns: {
    '': [orNull(not.object), (db, options) => readFlowRuns(db, options)],
    limit: [orNull(not.count), (db, limit) => readFlowRuns(db, { limit })],
    offset: [orNull(not.count), (db, offset) => readFlowRuns(db, { offset })],
    orderBy: [['name', 'startTime', '', null, 7], (db, orderBy) => readFlowRuns(db, { orderBy })],
    descending: [orNull(not.flag), (db, descending) => readFlowRuns(db, { descending })],
    'filter.memberOf': [orNull(not.id), (db, memberOf) => readFlowRuns(db, { filter: { memberOf } })],
    'filter.operator': [['xor', null], (db, operator) => readFlowRuns(db, { filter: { operator } })],
    'filter.tags.all': [orNull(not.list), (db, all) => readFlowRuns(db, { filter: { tags: { all } } })],
    'filter.tags.any': [not.known, (db, any) => readFlowRuns(db, { filter: { tags: { any } as object } })],
    'filter.nextScheduledStartTime.before': [
      orNull(not.inputTime),
      (db, before) => readFlowRuns(db, { filter: { nextScheduledStartTime: { before } } }),
    ],
    'filter.nextScheduledStartTime.after': [
      orNull(not.inputTime),
      (db, after) => readFlowRuns(db, { filter: { nextScheduledStartTime: { after } } }),
    ],
    'filter.more': [not.known, (db, more) => readFlowRuns(db, { filter: { more } as object })],
    ...readWithCriterion,
  },
  countFlowRuns: {
    '': [orNull(not.object), (db, options) => countFlowRuns(db, options)],
    'filter.workQueueId.any.0': [
      orNull(not.id),
      (db, id) => countFlowRuns(db, { filter: { workQueueId: { any: [id] } } }),
    ],
    offset: [not.known, (db, offset) => countFlowRuns(db, { offset } as object)],
  },
  countFlowRunsByState: {
    '': [orNull(not.object), (db, options) => countFlowRunsByState(db, options)],
    'filter.memberOf': [orNull(not.id), (db, memberOf) => countFlowRunsByState(db, { filter: { memberOf } })],
    limit: [not.known, (db, limit) => countFlowRunsByState(db, { limit } as object)],
  },
  readFlowRunStates: { id: [orAbsent(not.id), (db, id) => readFlowRunStates(db, id)] },
  setFlowRunState: {
    '': [orAbsent(not.object), (db, state, { run }) => setFlowRunState(db, run, state)],
    id: [orAbsent(not.id), (db, id) => setFlowRunState(db, id, { type: 'PENDING' })],
    type: [orAbsent(not.stateType), (db, type, { run }) => setFlowRunState(db, run, { type })],
    name: [orNull(not.label), (db, name, { run }) => setFlowRunState(db, run, { type: 'PENDING', name })],
    timestamp: [
      orNull(not.inputTime),
      (db, timestamp, { run }) => setFlowRunState(db, run, { type: 'PENDING', timestamp }),
    ],
    scheduledTime: [
      not.inputTime,
      (db, scheduledTime, { run }) => setFlowRunState(db, run, { type: 'SCHEDULED', scheduledTime }),
    ],
    message: [not.text, (db, message, { run }) => setFlowRunState(db, run, { type: 'PENDING', message })],
    stateType: [
      not.known,
      (db, stateType, { run }) => setFlowRunState(db, run, { type: 'PENDING', ...({ stateType } as object) }),
    ],
    expectedStateId: [
      orNull(not.id),
      (db, expectedStateId, { run }) => setFlowRunState(db, run, { type: 'PENDING' }, { expectedStateId }),
    ],
    expectedStateTypes: [
      orNull(not.list),
      (db, expectedStateTypes, { run }) => setFlowRunState(db, run, { type: 'PENDING' }, { expectedStateTypes }),
    ],
    'expectedStateTypes.0': [
      orNull(not.stateType),
      (db, type, { run }) => setFlowRunState(db, run, { type: 'PENDING' }, { expectedStateTypes: [type] }),
    ],
    now: [orNull(not.time), (db, now, { run }) => setFlowRunState(db, run, { type: 'PENDING' }, { now })],
    more: [not.known, (db, more, { run }) => setFlowRunState(db, run, { type: 'PENDING' }, { more } as object)],
  },
  setFlowRunStates: {
    '': [orAbsent(not.list), (db, changes) => setFlowRunStates(db, changes)],
    '1': [orAbsent(not.object), (db, change, { run }) => setFlowRunStates(db, [{ id: run, type: 'PENDING' }, change])],
    '0.id': [orAbsent(not.id), (db, id) => setFlowRunStates(db, [{ id, type: 'PENDING' }])],
    '0.type': [orAbsent(not.stateType), (db, type, { run }) => setFlowRunStates(db, [{ id: run, type }])],
    '0.name': [orNull(not.label), (db, name, { run }) => setFlowRunStates(db, [{ id: run, type: 'PENDING', name }])],
    '0.timestamp': [
      orNull(not.inputTime),
      (db, timestamp, { run }) => setFlowRunStates(db, [{ id: run, type: 'PENDING', timestamp }]),
    ],
    '0.scheduledTime': [
      not.inputTime,
      (db, scheduledTime, { run }) => setFlowRunStates(db, [{ id: run, type: 'SCHEDULED', scheduledTime }]),
    ],
    '0.message': [not.text, (db, message, { run }) => setFlowRunStates(db, [{ id: run, type: 'PENDING', message }])],
    '0.expectedStateId': [
      orNull(not.id),
      (db, expectedStateId, { run }) => setFlowRunStates(db, [{ id: run, type: 'PENDING', expectedStateId }]),
    ],
    '0.more': [
      not.known,
      (db, more, { run }) => setFlowRunStates(db, [{ id: run, type: 'PENDING', ...({ more } as object) }]),
    ],
    now: [orNull(not.time), (db, now, { run }) => setFlowRunStates(db, [{ id: run, type: 'PENDING' }], { now })],
  },
  createFlowRun: {
    '': [orAbsent(not.object), (db, input) => createFlowRun(db, input)],
    'tags.1': [orNull(not.text), (db, tag) => createFlowRun(db, { tags: ['a', tag] })],
    now: [orNull(not.time), (db, now) => createFlowRun(db, {}, { now })],
  },
  cancelFlowRun: {
    id: [orAbsent(not.id), (db, id) => cancelFlowRun(db, id)],
    message: [not.text, (db, message, { run }) => cancelFlowRun(db, run, { message })],
    now: [orNull(not.time), (db, now, { run }) => cancelFlowRun(db, run, { now })],
    more: [not.known, (db, more, { run }) => cancelFlowRun(db, run, { more } as object)],
  },
  retryFlowRun: {
    id: [orAbsent(not.id), (db, id) => retryFlowRun(db, id)],
    scheduledTime: [orNull(not.time), (db, scheduledTime, { run }) => retryFlowRun(db, run, { scheduledTime })],
    now: [orNull(not.time), (db, now, { run }) => retryFlowRun(db, run, { now })],
    more: [not.known, (db, more, { run }) => retryFlowRun(db, run, { more } as object)],
  },
}
