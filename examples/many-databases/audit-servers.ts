import { ACTIVE_NOW, BROKEN_HISTORIES, BY_STATE, MOST_ACTIVE, openAuditor } from '../../test/examples/audit-runs.js'
import type { FleetServer } from './fleet.js'
import type { Journal } from './fleet-worker.js'

/** Asks the servers in plain SQL, by a driver alone, what became of the runs, and compares it with what workers noted. */
export async function auditServers(
  servers: readonly Pick<FleetServer, 'name' | 'url'>[],
  { claims, works }: Journal,
): Promise<string[]> {
  const lines: string[] = []
  for (const { name, url } of servers) {
    await using auditor = openAuditor(url)
    const states = (await auditor.query(BY_STATE)).map(({ state, runs }) => `${runs} ${state}`)
    const [ends] = await auditor.query(`
      select cast(count(*) as integer) as times from flow_run_state where type = 'COMPLETED'`)
    lines.push(`${name}: ${states.join(', ')}; completed in all ${ends?.['times']} times`)
    const most = await auditor.query(MOST_ACTIVE)
    const inUrgent = most.filter(({ queue }) => String(queue).endsWith('urgent')).map(({ in_queue: n }) => Number(n))
    lines.push(
      `${name}: most active at once: ${Math.max(...most.map(({ in_pool: n }) => Number(n)))} in a pool, ${Math.max(...inUrgent)} in a queue "urgent"`,
    )
    const active = await auditor.query(ACTIVE_NOW)
    const broken = await auditor.query(BROKEN_HISTORIES)
    lines.push(
      `${name}: slots held in the end: ${active.length}; states that follow none that they may: ${broken.length}`,
    )
    const stored = new Set((await auditor.query('select id from flow_run_state')).map(({ id }) => String(id)))
    const answered = claims.filter(({ server }) => server === name)
    const lost = answered.filter(({ stateId }) => stateId === null || !stored.has(stateId))
    lines.push(`${name}: claims that were answered: ${answered.length}, of which lost: ${lost.length}`)
  }
  const twice = works.filter((work) =>
    works.some((other) => other !== work && other.id === work.id && other.from < work.to && work.from < other.to),
  )
  lines.push(`pieces of work: ${works.length}, of which two at once on one run: ${twice.length}`)
  return lines
}
