import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import type { Kysely } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import { createApp } from '../../examples/rest-server/app.js'

/** The example's server on a port of its own. */
export interface TestServer extends AsyncDisposable {
  /** What Prefect's clients take as `PREFECT_API_URL`. */
  readonly url: string
  /** Sends a request, and returns the status and the parsed body of the answer. */
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
}

/** An answer. Without a body it is `undefined`. */
interface Answer {
  readonly status: number
  readonly body: any
}

/** Starts the example's server. */
export async function startServer(db: Kysely<WorkQueueTables>): Promise<TestServer> {
  const server = serve({ fetch: createApp(db).fetch, hostname: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`
  return {
    url,
    async send(method, path, body, headers = {}) {
      const response = await fetch(url + path, {
        method,
        headers: { 'content-type': 'application/json', ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
    },
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
