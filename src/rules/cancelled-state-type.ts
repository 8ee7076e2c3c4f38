import { isTerminal, type StateType } from './states.js'

/**
 * What a run becomes that is to be cancelled: CANCELLED when nobody has it, CANCELLING when somebody may have
 * started it, who has to stop it first. `undefined`: it has ended.
 */
export function cancelledStateType(type: StateType | null): 'CANCELLED' | 'CANCELLING' | undefined {
  if (isTerminal(type)) return undefined
  return type === null || type === 'SCHEDULED' || type === 'PAUSED' ? 'CANCELLED' : 'CANCELLING'
}
