import { afterAll, beforeAll, describe, inject } from 'vitest'
import { type Live, openLive } from './server.js'

/** Runs checks on both live databases. Checks of a file go on from each other. */
export function describeLive(title: string, checks: (live: () => Live) => void): void {
  describe.each(inject('prefects').map((place) => [place.dialect, place] as const))(`${title} (%s)`, (_, place) => {
    let live: Live
    beforeAll(() => {
      live = openLive(place)
    })
    afterAll(async () => await live[Symbol.asyncDispose]())
    checks(() => live)
  })
}

let counter = 0

/** A name that no other check uses. */
export function unique(name: string): string {
  return `${name}-${process.pid}-${++counter}`
}

/** A flow and a deployment of it on a queue, made by Prefect. */
export async function deploy(
  live: Live,
  place: { pool: string; queue?: string },
  more: object = {},
): Promise<{ flowId: string; deploymentId: string; workQueueId: string }> {
  const flow = await live.api('POST', '/flows/', { name: unique('flow') })
  const deployment = await live.api('POST', '/deployments/', {
    name: unique('deployment'),
    flow_id: flow.id,
    work_pool_name: place.pool,
    ...(place.queue !== undefined && { work_queue_name: place.queue }),
    ...more,
  })
  return { flowId: flow.id, deploymentId: deployment.id, workQueueId: deployment.work_queue_id }
}

/** A run of a deployment, made by Prefect, due at a time. */
export async function schedule(live: Live, deploymentId: string, at = new Date(), more: object = {}): Promise<string> {
  const run = await live.api('POST', `/deployments/${deploymentId}/create_flow_run`, {
    state: { type: 'SCHEDULED', state_details: { scheduled_time: at.toISOString() } },
    ...more,
  })
  return run.id
}
