import { createHash } from 'node:crypto'

/**
 * The server of a key, by a rendezvous hash: each server's name is hashed together with the key, and the highest wins.
 *
 * Every host computes the same and asks nobody. A server that is added takes its share of the keys, one in n, and moves no key between the
 * others; one that is taken away gives its own to the others, and moves none of theirs.
 *
 * @throws when there are no servers.
 */
export function chooseServer(key: string, servers: readonly string[]): string {
  let chosen: { server: string; score: string } | undefined
  for (const server of servers) {
    const score = scoreOf(server, key)
    if (chosen === undefined || score > chosen.score) chosen = { server, score }
  }
  if (chosen === undefined) throw new Error('there are no servers to choose from')
  return chosen.server
}

/** As JSON, so that no two pairs are one text. */
function scoreOf(server: string, key: string): string {
  return createHash('sha256')
    .update(JSON.stringify([server, key]))
    .digest('hex')
}
