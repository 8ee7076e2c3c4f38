import { connect, createServer, type Server, type Socket } from 'node:net'

/** A way to a server that takes longer: what is sent arrives so many milliseconds later, in both directions. */
export interface LatencyProxy extends AsyncDisposable {
  readonly port: number
}

/**
 * Starts a TCP proxy in front of a local port that holds each piece of data back for a while, as a network would.
 *
 * Pieces keep their order, and many are under way at once, so that it adds latency and takes no bandwidth.
 */
export async function startLatencyProxy(port: number, milliseconds: number): Promise<LatencyProxy> {
  const sockets = new Set<Socket>()
  const forward = (from: Socket, to: Socket): void => {
    sockets.add(from)
    from.setNoDelay(true)
    from.on('data', (data) => setTimeout(() => to.write(data), milliseconds))
    from.on('end', () => setTimeout(() => to.end(), milliseconds))
    from.on('error', () => to.destroy())
    from.on('close', () => sockets.delete(from))
  }
  const server: Server = createServer((client) => {
    const target = connect(port, '127.0.0.1')
    forward(client, target)
    forward(target, client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
