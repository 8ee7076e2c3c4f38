import { createWorkPool, createWorkQueue } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { testId } from '../support/factory.js'
import { serveEach } from './serve-example.js'

// Paths as Prefect's clients send them: names, ids and methods.

describeOnDatabases(
  'paths of the example of a REST server',
  (t) => {
    const { send } = serveEach(t)

    test.each(['prefect', 'Prefect', 'PREFECT-pool', 'prefectpool', 'Prefect Pool'])(
      'keeps the name %j for Prefect: such a pool can only be paused and limited',
      async (name) => {
        const path = `/work_pools/${encodeURIComponent(name)}`
        expect((await send('POST', '/work_pools/', { name })).status).toBe(403)
        expect((await send('PATCH', path, { is_paused: true })).status).toBe(404)
        await createWorkPool(t.db, { name, type: 'process' })
        expect((await send('PATCH', path, { description: 'mine' })).status).toBe(403)
        expect((await send('PATCH', path, { is_paused: true, description: 'mine' })).status).toBe(403)
        expect((await send('DELETE', path)).status).toBe(403)
        expect((await send('PATCH', path, { is_paused: true, concurrency_limit: 5 })).status).toBe(204)
        expect((await send('GET', path)).body).toMatchObject({
          is_paused: true,
          concurrency_limit: 5,
          description: null,
        })
        expect((await send('POST', `${path}/queues`, { name: 'prefect-queue' })).status).toBe(201)
        // What is not valid is refused first.
        expect((await send('POST', '/work_pools/', { name, type: 1 })).status).toBe(422)
      },
    )

    test.each(['a\\b', 'ü', '👍', 'a b', 'a:b', 'a|b', 'a;b', 'a+b', 'a#?b', '~', 'filter'])(
      'finds what is named %j',
      async (name) => {
        const sent = /[\\~:;+]/.test(name) ? name : encodeURIComponent(name)
        for (const part of new Set([sent, encodeURIComponent(name)])) {
          await send('POST', '/work_pools/', { name })
          await send('POST', `/work_pools/${part}/queues`, { name })
          expect((await send('GET', `/work_pools/${part}`)).body).toMatchObject({ name })
          expect((await send('GET', `/work_pools/${part}/queues/${part}`)).body).toMatchObject({ name })
          expect((await send('GET', `/work_queues/name/${part}`)).body).toMatchObject({ name })
          expect((await send('POST', `/work_pools/${part}/workers/heartbeat`, { name })).status).toBe(204)
          expect((await send('DELETE', `/work_pools/${part}/workers/${part}`)).status).toBe(204)
          expect((await send('DELETE', `/work_pools/${part}/queues/${part}`)).status).toBe(204)
          expect((await send('DELETE', `/work_pools/${part}`)).status).toBe(204)
        }
      },
    )

    test.each(['a%25b', '50%25', 'a%2Fb', '%3C', 'a%26b', '%20', '%00', '%FF', '%', '%zz', 'x'.repeat(3000)])(
      'answers 404, not 422, to the name %j, which nothing can have, when it is only read',
      async (part) => {
        await createWorkPool(t.db, { name: 'p' })
        for (const [method, path] of [
          ['GET', `/work_pools/${part}`],
          ['PATCH', `/work_pools/${part}`],
          ['DELETE', `/work_pools/${part}`],
          ['POST', `/work_pools/${part}/get_scheduled_flow_runs`],
          ['POST', `/work_pools/${part}/concurrency_status`],
          ['POST', `/work_pools/${part}/queues`],
          ['POST', `/work_pools/${part}/queues/filter`],
          ['GET', `/work_pools/p/queues/${part}`],
          ['PATCH', `/work_pools/p/queues/${part}`],
          ['DELETE', `/work_pools/p/queues/${part}`],
          ['GET', `/work_queues/name/${part}`],
          ['POST', `/work_pools/${part}/workers/heartbeat`],
          ['POST', `/work_pools/${part}/workers/filter`],
          ['DELETE', `/work_pools/p/workers/${part}`],
        ] as const) {
          const body = path.endsWith('heartbeat') || path.endsWith('queues') ? { name: 'w' } : {}
          const answer = await send(method, path, method === 'GET' || method === 'DELETE' ? undefined : body)
          expect([method, path, answer.status]).toEqual([method, path, 404])
        }
        const poll = { work_queue_names: [decodeURIComponent(/%2|%3/.test(part) ? part : 'a%00')] }
        expect((await send('POST', '/work_pools/p/get_scheduled_flow_runs', poll)).status).toBe(404)
      },
    )

    test('takes ids without dashes, in braces and as URNs where Python does', async () => {
      const { id, workPoolId } = await createWorkQueue(t.db, { name: 'q' })
      const bare = id.replaceAll('-', '')
      for (const spelled of [bare, id, bare.toUpperCase(), id.toUpperCase()]) {
        expect((await send('GET', `/work_queues/${spelled}`)).body).toMatchObject({ id })
        expect((await send('GET', `/work_queues/${spelled}/status`)).status).toBe(200)
        expect((await send('POST', `/work_queues/${spelled}/get_runs`)).body).toEqual([])
        expect((await send('POST', `/work_queues/${spelled}/concurrency_status`)).status).toBe(200)
        expect((await send('PATCH', `/work_queues/${spelled}`, { priority: 4 })).status).toBe(204)
      }
      for (const spelled of [bare, `{${id}}`, `urn:uuid:${id}`, id.toUpperCase()]) {
        const queues = await send('POST', '/work_queues/filter', { work_queues: { id: { any_: [spelled] } } })
        expect(queues.body).toMatchObject([{ id }])
        const filter = { deployment_ids: [spelled] }
        const tagged = await send('POST', '/work_queues/', { name: `of ${spelled}`, filter })
        expect(tagged.body).toMatchObject({ filter: { deployment_ids: [id] } })
      }
      const pools = { work_pools: { id: { any_: [workPoolId.replaceAll('-', '')] } } }
      expect((await send('POST', '/work_pools/filter', pools)).body).toMatchObject([{ id: workPoolId }])
      for (const none of ['abc', `{${id}}`, `${id}0`]) {
        expect((await send('GET', `/work_queues/${encodeURIComponent(none)}`)).status).toBe(404)
      }
      const bad = await send('POST', '/work_queues/filter', { work_queues: { id: { any_: [id, 'abc'] } } })
      const loc = ['body', 'work_queues', 'id', 'any_', 1]
      expect(bad.body.exception_detail).toMatchObject([{ type: 'uuid_parsing', loc, input: 'abc' }])
    })

    test('answers 405 to a path that has other methods, and names them', async () => {
      await createWorkPool(t.db, { name: 'p' })
      for (const [method, path, allow] of [
        ['PUT', '/work_pools/p', 'GET, PATCH, DELETE'],
        ['POST', '/work_pools/p', 'GET, PATCH, DELETE'],
        ['GET', '/work_pools/', 'POST'],
        ['GET', '/work_pools/p/get_scheduled_flow_runs', 'POST'],
        ['DELETE', '/work_pools/p/concurrency_status', 'POST'],
        ['GET', '/work_queues/filter', 'POST'],
        ['GET', `/work_queues/${testId(1)}/get_runs`, 'POST'],
        ['POST', `/work_queues/${testId(1)}/status`, 'GET'],
        ['PATCH', '/work_queues/name/q', 'GET'],
        ['DELETE', '/health', 'GET'],
      ] as const) {
        const answer = await send(method, path)
        expect([path, answer.status, answer.allow, answer.body]).toEqual([
          path,
          405,
          allow,
          { detail: 'Method Not Allowed' },
        ])
      }
      for (const path of ['/nowhere', '/work_queues/abc', '/work_pools/p/else', '/work_pools/p/queues/q/x']) {
        expect((await send('PUT', path)).status).toBe(404)
      }
    })
  },
  [sqliteMemory, postgres],
)
