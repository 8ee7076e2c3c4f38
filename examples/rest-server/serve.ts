import { createServer, type RequestListener, type Server } from 'node:http'
import { serve } from '@hono/node-server'
import type { Hono } from 'hono'

/** Serves the routes on a port of this machine; 0 is any that is free. */
export function serveApp(app: Hono, port: number, onListening?: (info: { port: number }) => void): Server {
  const options = { fetch: app.fetch, hostname: '127.0.0.1', port, createServer: createLenientServer }
  return serve(options, onListening) as Server
}

/**
 * A server that takes a backslash in a path. A name may contain one, and Prefect's clients send it as it is, where URLs would have
 * it percent-encoded.
 */
const createLenientServer = ((options: object, listener: RequestListener) =>
  createServer(options, (request, response) => {
    request.url = request.url?.replaceAll('\\', '%5C') ?? ''
    return listener(request, response)
  })) as typeof createServer
