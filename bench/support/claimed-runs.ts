import type { BenchDatabase } from './bench-databases.js'

/** Puts runs that were just claimed back, as they were before. */
export async function putBack(database: BenchDatabase, ids: readonly string[], wanted: number): Promise<void> {
  if (ids.length !== wanted) throw new Error(`${ids.length} runs were claimed instead of ${wanted}`)
  const list = ids.map((id) => `'${id}'`).join(', ')
  await database.run(`
    update flow_run set state_type = 'SCHEDULED', state_name = 'Scheduled', state_id = null where id in (${list});
    delete from flow_run_state where flow_run_id in (${list})`)
}
