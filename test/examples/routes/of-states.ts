import type { Scenario } from './transcript.js'

const NOBODY = '00000000-0000-4000-8000-000000000000'
const TYPES = ['SCHEDULED', 'PENDING', 'RUNNING', 'PAUSED', 'CANCELLING', 'COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED']

/** From each state, every state is proposed: what is let in, and in what words it is refused. */
const transitions = TYPES.map((from): Scenario => ({
  title: `what may follow ${from}`,
  async play({ send, prepare, flow_id }) {
    for (const to of TYPES) {
      const run = await prepare('POST', '/flow_runs/', { name: `${from} to ${to}`, flow_id, state: { type: from } })
      await send('POST', `/flow_runs/${run.id}/set_state`, { state: { type: to } })
    }
  },
}))

/** Routes that set states, by Prefect's reference of them and of its rules. */
export const ofStates: readonly Scenario[] = [
  ...transitions,
  {
    title: 'a run goes its way',
    async play({ send, flow_id }) {
      const state = { type: 'SCHEDULED', state_details: { scheduled_time: '2026-01-01T12:00:00Z' } }
      const run = await send('POST', '/flow_runs/', { name: 'on its way', flow_id, state })
      const set = async (state: object, more: object = {}): Promise<unknown> =>
        await send('POST', `/flow_runs/${run.id}/set_state`, { state, ...more })
      await set({ type: 'SCHEDULED', name: 'Late', state_details: { scheduled_time: '2026-01-01T12:00:00Z' } })
      await set({ type: 'SCHEDULED', name: 'Late' })
      await set({ type: 'PENDING' })
      await set({ type: 'PENDING', name: 'InfrastructurePending' })
      await set({ type: 'RUNNING', message: 'here we go' })
      await set({ type: 'PENDING', name: 'Other' })
      await set({ type: 'CANCELLING' })
      await set({ type: 'RUNNING' }, { force: true })
      await set({ type: 'COMPLETED', name: 'Cached' })
      await send('GET', `/flow_runs/${run.id}`)
      await set({ type: 'CANCELLING' }, { force: true })
    },
  },
  {
    title: 'a run waits for its time',
    async play({ send, flow_id }) {
      const state = { type: 'SCHEDULED', state_details: { scheduled_time: '2100-01-01T12:00:00Z' } }
      const run = await send('POST', '/flow_runs/', { name: 'early', flow_id, state })
      await send('POST', `/flow_runs/${run.id}/set_state`, { state: { type: 'RUNNING' } })
      await send('POST', `/flow_runs/${run.id}/set_state`, { state: { type: 'PENDING' } })
      await send('POST', `/flow_runs/${run.id}/set_state`, { state: { type: 'RUNNING' } })
      await send('POST', `/flow_runs/${run.id}/set_state`, { state: { type: 'RUNNING' }, force: true })
    },
  },
  {
    title: 'a failed run is tried again, as often as it may',
    async play({ send, flow_id }) {
      await send('POST', '/work_pools/', { name: 'patient', type: 'process' })
      const run = await send('POST', '/flow_runs/', {
        name: 'again',
        flow_id,
        work_pool_name: 'patient',
        empirical_policy: { retries: 1 },
        state: { type: 'PENDING' },
      })
      const set = async (type: string): Promise<unknown> =>
        await send('POST', `/flow_runs/${run.id}/set_state`, { state: { type, message: `was ${type}` } })
      await set('RUNNING')
      await set('FAILED')
      // The process that ran it tries again, so that no worker gets it.
      await send('POST', '/work_pools/patient/get_scheduled_flow_runs', {})
      await set('RUNNING')
      await set('FAILED')
      await send('GET', `/flow_runs/${run.id}`)
    },
  },
  {
    title: 'a run with a process is cancelled by way of CANCELLING',
    async play({ send, flow_id }) {
      const run = await send('POST', '/flow_runs/', { name: 'alive', flow_id, state: { type: 'SCHEDULED' } })
      await send('PATCH', `/flow_runs/${run.id}`, { infrastructure_pid: '7' })
      await send('POST', `/flow_runs/${run.id}/set_state`, { state: { type: 'CANCELLING' } })
      await send('POST', `/flow_runs/${run.id}/set_state`, { state: { type: 'CANCELLED' } })
    },
  },
  {
    title: 'a run’s history is read',
    async play({ send, prepare, flow_id }) {
      const state = { type: 'SCHEDULED', state_details: { scheduled_time: '2026-01-01T12:00:00Z' } }
      const run = await prepare('POST', '/flow_runs/', { name: 'historical', flow_id, state })
      for (const type of ['PENDING', 'RUNNING', 'FAILED']) {
        await prepare('POST', `/flow_runs/${run.id}/set_state`, { state: { type, message: `it is ${type}` } })
      }
      const states = await send('GET', `/flow_run_states/?flow_run_id=${run.id}`)
      await send('GET', `/flow_run_states/${states[1].id}`)
      await send('GET', `/flow_run_states/${NOBODY}`)
      await send('GET', `/flow_run_states/?flow_run_id=${NOBODY}`)
      await send('GET', '/flow_run_states/?flow_run_id=x')
      await send('GET', '/flow_run_states/')
    },
  },
  {
    title: 'states that are refused',
    async play({ send, flow_id }) {
      const run = await send('POST', '/flow_runs/', { name: 'refused', flow_id })
      await send('POST', `/flow_runs/${run.id}/set_state`, {})
      await send('POST', `/flow_runs/${run.id}/set_state`, { state: {} })
      await send('POST', `/flow_runs/${run.id}/set_state`, { state: { type: 'NEW' } })
      await send('POST', `/flow_runs/${run.id}/set_state`, { state: { type: 'RUNNING', colour: 1 } })
      await send('POST', `/flow_runs/${run.id}/set_state`, { state: { type: 'RUNNING' }, force: 'perhaps' })
      await send('POST', `/flow_runs/${NOBODY}/set_state`, { state: { type: 'RUNNING' } })
    },
  },
  {
    title: 'many are set at once',
    async play({ send, flow_id }) {
      await send('POST', '/flow_runs/', { name: 'many', flow_id, state: { type: 'RUNNING' } })
      const flow_runs = { name: { any_: ['many'] } }
      await send('POST', '/flow_runs/bulk_set_state', { flow_runs, state: { type: 'PENDING' } })
      await send('POST', '/flow_runs/bulk_set_state', { flow_runs, state: { type: 'CANCELLED', message: 'm' } })
      await send('POST', '/flow_runs/bulk_set_state', { flow_runs, state: { type: 'CRASHED' } })
      await send('POST', '/flow_runs/bulk_set_state', { flow_runs, state: { type: 'CRASHED' }, force: true })
      await send('POST', '/flow_runs/bulk_set_state', { flow_runs: { name: { any_: [] } }, state: { type: 'PENDING' } })
      await send('POST', '/flow_runs/bulk_set_state', { flow_runs })
      await send('POST', '/flow_runs/bulk_set_state', { flow_runs, state: { type: 'PENDING' }, limit: 51 })
    },
  },
]
