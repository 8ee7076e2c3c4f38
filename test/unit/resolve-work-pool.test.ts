import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { resolveWorkPool, type WorkPoolResolution } from '../../src/rules/resolve-work-pool.js'

describe('resolveWorkPool', () => {
  test.each<[name: string, asked: string | null | undefined, defaultPool: string | undefined, WorkPoolResolution]>([
    ['etl', 'p', 'd', { kind: 'given', workPoolId: 'p' }],
    ['etl', 'p', undefined, { kind: 'given', workPoolId: 'p' }],
    ['default', 'p', undefined, { kind: 'given', workPoolId: 'p' }],
    ['etl', null, 'd', { kind: 'default', workPoolId: 'd' }],
    ['etl', undefined, 'd', { kind: 'default', workPoolId: 'd' }],
    ['default', undefined, 'd', { kind: 'default', workPoolId: 'd' }],
    ['etl', null, undefined, { kind: 'create-default', returnDefaultQueue: false }],
    ['etl', undefined, undefined, { kind: 'create-default', returnDefaultQueue: false }],
    ['default', null, undefined, { kind: 'create-default', returnDefaultQueue: true }],
    ['default', undefined, undefined, { kind: 'create-default', returnDefaultQueue: true }],
    ['Default', undefined, undefined, { kind: 'create-default', returnDefaultQueue: false }],
  ])('sends a queue %j that asks for %s, with the default pool %s, to %j', (name, workPoolId, id, resolution) => {
    expect(resolveWorkPool({ name, workPoolId }, id === undefined ? undefined : { id })).toEqual(resolution)
  })

  test('never creates a pool when there is one to go to, and never goes to another than these', () => {
    fc.assert(
      fc.property(fc.string(), fc.option(fc.uuid()), fc.option(fc.uuid(), { nil: undefined }), (name, asked, id) => {
        const resolution = resolveWorkPool({ name, workPoolId: asked }, id === undefined ? undefined : { id })
        expect('workPoolId' in resolution ? resolution.workPoolId : undefined).toBe(asked ?? id)
      }),
    )
  })
})
