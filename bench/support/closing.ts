/** Runs something with what it opens on the way, and closes that in the end, last first. Node 20 has no `AsyncDisposableStack`. */
export async function closing<T>(run: (opened: <D extends AsyncDisposable>(thing: D) => D) => Promise<T>): Promise<T> {
  const things: AsyncDisposable[] = []
  try {
    return await run((thing) => {
      things.push(thing)
      return thing
    })
  } finally {
    for (const thing of things.toReversed()) await thing[Symbol.asyncDispose]()
  }
}
