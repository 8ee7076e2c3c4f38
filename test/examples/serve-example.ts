import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Kysely } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import { afterEach, beforeEach } from 'vitest'
import { createApp } from '../../examples/rest-server/app.js'
import { serveApp } from '../../examples/rest-server/serve.js'
import type { Contract } from '../support/describe-databases.js'

/** The example's server on a port of its own. */
export interface TestServer extends AsyncDisposable {
  /** What Prefect's clients take as `PREFECT_API_URL`. */
  readonly url: string
  /** Sends a request, its path as it is given, and returns the answer. A body that is text is sent as it is. */
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
}

/** An answer. Without a body it is `undefined`. */
interface Answer {
  readonly status: number
  readonly body: any
  /** The methods that a 405 names. */
  readonly allow: string | undefined
}

/** Starts the example's server. */
export async function startServer(db: Kysely<WorkQueueTables>): Promise<TestServer> {
  const server = serveApp(createApp(db), 0)
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`
  return {
    url,
    async send(method, path, body, headers = {}) {
      const { hostname, port, pathname } = new URL(url)
      const options = { method, hostname, port, path: pathname + path }
      const request = httpRequest({ ...options, headers: { 'content-type': 'application/json', ...headers } })
      request.end(typeof body === 'string' ? body : body === undefined ? undefined : JSON.stringify(body))
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      const content = await text(response)
      return {
        status: response.statusCode ?? 0,
        body: content === '' ? undefined : JSON.parse(content),
        allow: response.headers['allow'],
      }
    },
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Starts a server of its own for each test of a suite, and stops it after. */
export function serveEach(t: Contract): Pick<TestServer, 'url' | 'send'> {
  let server: TestServer
  beforeEach(async () => {
    server = await startServer(t.db)
  })
  afterEach(async () => await server[Symbol.asyncDispose]())
  return {
    get url() {
      return server.url
    },
    send: (...request) => server.send(...request),
  }
}
