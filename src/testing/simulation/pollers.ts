import type { CheckedOptions } from './options-schema.js'
import type { Target } from './find-runs.js'
import { createProcess, type Process } from './hands.js'
import type { Random, Seconds } from './random.js'
import { findPool, findQueue, type World } from './world.js'

/** A poller in a simulation. */
export interface Poller extends Target {
  readonly name: string
  /** How many runs it can run at a time. */
  readonly capacity: number | undefined
  /** When it polls first, in milliseconds since the start. */
  readonly firstPoll: number
  readonly everySeconds: Seconds
  readonly startLatencySeconds: Seconds
  readonly crashProbability: number
  readonly restartSeconds: Seconds | null
  readonly deathProbability: number
  readonly stallProbability: number
  readonly stallSeconds: Seconds
  readonly renewalFailProbability: number
  readonly renewalFailSeconds: Seconds
  /** The process that it now is, or was before it died. */
  process: Process
  /** How often it was started. */
  starts: number
}

/** Makes the pollers that are asked for. */
export function createPollers(world: World, { pollers }: CheckedOptions, random: Random): Poller[] {
  const numbers = new Map<string, number>()
  return pollers.flatMap((group, index) => {
    const { name, queue, pool, everySeconds, firstPollSeconds } = group
    const path = `pollers.${index}`
    const target: Target =
      queue === undefined
        ? { workPoolIds: pool === undefined ? undefined : [findPool(world, pool, path).id], limit: group.limit }
        : { workQueueId: findQueue(world, queue, pool, path).id, limit: group.limit }
    return Array.from({ length: group.count }, () => {
      const number = (numbers.get(name) ?? 0) + 1
      numbers.set(name, number)
      const { deathProbability, stallProbability, stallSeconds, renewalFailProbability, renewalFailSeconds } = group
      const fullName = `${name}-${number}`
      return {
        ...target,
        name: fullName,
        capacity: group.capacity,
        firstPoll: random.milliseconds(firstPollSeconds ?? [0, random.milliseconds(everySeconds) / 1000]),
        everySeconds,
        startLatencySeconds: group.startLatencySeconds,
        crashProbability: group.crashProbability,
        restartSeconds: group.restartSeconds,
        deathProbability,
        stallProbability,
        stallSeconds,
        renewalFailProbability,
        renewalFailSeconds,
        process: createProcess(fullName, 1),
        starts: 1,
      }
    })
  })
}
