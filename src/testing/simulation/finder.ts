import { addMilliseconds } from 'date-fns/addMilliseconds'
import type { RequiredTables, Session } from '../../session.js'
import type { CheckedOptions } from './options-schema.js'
import { claimRuns, type FoundRun, pollRuns, type Target } from './find-runs.js'

/** Finds runs for pollers, by claims or by polls. */
export interface Finder {
  /**
   * @param elapsed - What time it is, in milliseconds since the start.
   * @param situation - All that the answer depends on: when it is the same, so is the answer.
   */
  find(target: Target, elapsed: number, situation: string): Promise<FoundRun[]>
}

/** Creates a finder. */
export function createFinder(
  session: Session<RequiredTables>,
  { by, start, pollSeconds }: Pick<CheckedOptions, 'by' | 'start' | 'pollSeconds'>,
): Finder {
  /**
   * The situation in which a target last had nothing. Most polls find nothing: they are not made again until
   * something changes.
   */
  const idle = new Map<string, string>()
  /** The runs that the transactions of polls have locked. */
  let locks: { readonly ids: readonly string[]; readonly until: number }[] = []

  return {
    async find({ workQueueId, workPoolIds, limit }, elapsed, situation) {
      const target = { workQueueId, workPoolIds, limit }
      const key = JSON.stringify(target)
      if (idle.get(key) === situation) return []
      locks = locks.filter(({ until }) => until > elapsed)
      const locked = [...new Set(locks.flatMap(({ ids }) => ids))]
      const now = addMilliseconds(start, elapsed)
      const found = await (by === 'claim' ? claimRuns(session, target, now) : pollRuns(session, target, now, locked))
      if (found.length === 0 && locked.length === 0) idle.set(key, situation)
      if (by === 'poll')
        locks.push({ ids: found.map(({ flowRun }) => flowRun.id), until: elapsed + pollSeconds * 1000 })
      return found
    },
  }
}
