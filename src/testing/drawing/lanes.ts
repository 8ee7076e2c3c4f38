/** A span of time that takes a lane. */
export interface Span {
  readonly from: number
  readonly to: number
}

/**
 * Puts spans, which come in the order of their beginning, into lanes, so that those that overlap lie side by
 * side: in the first lane that is free. When none is, and there may be no more, in the one that is free
 * soonest.
 *
 * @returns The lane of each span, and how many lanes there are.
 */
export function intoLanes(spans: readonly Span[], most: number): { readonly lanes: number[]; readonly count: number } {
  const ends: number[] = []
  const lanes = spans.map(({ from, to }) => {
    let lane = ends.findIndex((end) => end <= from)
    if (lane === -1) lane = ends.length < most ? ends.length : ends.indexOf(Math.min(...ends))
    ends[lane] = Math.max(ends[lane] ?? 0, to)
    return lane
  })
  return { lanes, count: Math.max(1, ends.length) }
}
