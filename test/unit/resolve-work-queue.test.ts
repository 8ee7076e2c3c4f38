import fc from 'fast-check'
import { belongsToWorkQueue, DEFAULT_AGENT_WORK_POOL_NAME, resolveWorkQueue } from 'kysely-work-queues/rules'
import { describe, expect, test } from 'vitest'

describe('resolveWorkQueue', () => {
  test('an id decides, whatever the name', () => {
    for (const workQueueName of [null, 'etl']) {
      expect(resolveWorkQueue({ workQueueId: 'q', workQueueName })).toEqual({ kind: 'by-id', workQueueId: 'q' })
    }
  })

  test('a name alone is one in the default agent pool', () => {
    expect(resolveWorkQueue({ workQueueId: null, workQueueName: 'etl' })).toEqual({
      kind: 'by-name',
      workQueueName: 'etl',
      workPoolName: 'default-agent-pool',
    })
  })

  test('without both there is none', () => {
    expect(resolveWorkQueue({ workQueueId: null, workQueueName: null })).toEqual({ kind: 'none' })
  })
})

describe('belongsToWorkQueue', () => {
  const queue = (id: string, name: string, workPoolName: string) => ({ id, name, workPoolName })

  test('goes by id, else by name in the default agent pool', () => {
    const here = queue('a', 'etl', DEFAULT_AGENT_WORK_POOL_NAME)
    const there = queue('b', 'etl', 'kubernetes')
    const belongs = (workQueueId: string | null, workQueueName: string | null) =>
      [here, there].map((each) => belongsToWorkQueue({ workQueueId, workQueueName }, each))
    expect(belongs('a', null)).toEqual([true, false])
    expect(belongs('b', 'etl')).toEqual([false, true])
    expect(belongs('c', 'etl')).toEqual([false, false])
    expect(belongs(null, 'etl')).toEqual([true, false])
    expect(belongs(null, 'ETL')).toEqual([false, false])
    expect(belongs(null, null)).toEqual([false, false])
  })

  test('is true of one queue at most, since names are unique in a pool', () => {
    const text = fc.constantFrom('a', 'b', 'c')
    const queues = fc.uniqueArray(
      fc.record({ name: text, workPoolName: fc.constantFrom(DEFAULT_AGENT_WORK_POOL_NAME, 'b', 'c') }),
      { selector: ({ name, workPoolName }) => `${workPoolName}/${name}` },
    )
    const run = fc.record({ workQueueId: fc.option(fc.constantFrom('0', '1', '9')), workQueueName: fc.option(text) })
    fc.assert(
      fc.property(queues, run, (all, each) => {
        const owners = all.filter((one, n) => belongsToWorkQueue(each, { ...one, id: String(n) }))
        expect(owners.length).toBeLessThanOrEqual(1)
      }),
    )
  })
})
