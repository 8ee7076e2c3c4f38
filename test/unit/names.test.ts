import { expect, test } from 'vitest'
import {
  DEFAULT_AGENT_WORK_POOL_NAME,
  DEFAULT_AGENT_WORK_POOL_TYPE,
  DEFAULT_WORK_QUEUE_DESCRIPTION,
  DEFAULT_WORK_QUEUE_NAME,
} from '../../src/rules/names.js'

test('the defaults are named as Prefect names them, since they are stored', () => {
  expect(DEFAULT_AGENT_WORK_POOL_NAME).toBe('default-agent-pool')
  expect(DEFAULT_AGENT_WORK_POOL_TYPE).toBe('prefect-agent')
  expect(DEFAULT_WORK_QUEUE_NAME).toBe('default')
  expect(DEFAULT_WORK_QUEUE_DESCRIPTION).toBe("The work pool's default queue.")
})
