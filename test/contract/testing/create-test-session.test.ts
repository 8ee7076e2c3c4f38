import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { sql } from 'kysely'
import { createWorkPool, createWorkQueue, readWorkPools, WorkQueueError } from 'kysely-work-queues'
import { createTestSession, TestDriverMissingError } from 'kysely-work-queues/testing'
import { expect, test } from 'vitest'

test('a test session is an empty, migrated database of its own', async () => {
  await using session = await createTestSession()
  await using other = await createTestSession()
  await createWorkQueue(session, { name: 'etl' })
  expect((await readWorkPools(session)).map(({ name }) => name)).toEqual(['default-agent-pool'])
  expect(await readWorkPools(other)).toEqual([])
})

test('foreign keys are on', async () => {
  await using session = await createTestSession()
  const { rows } = await sql`pragma foreign_keys`.execute(session)
  expect(rows).toEqual([{ foreign_keys: 1 }])
})

test('a test session is destroyed at the end of its scope', async () => {
  let escaped
  {
    await using session = await createTestSession()
    escaped = session
    await createWorkPool(session, { name: 'etl' })
  }
  await expect(readWorkPools(escaped)).rejects.toThrow()
})

test('the missing driver is an error of the library', () => {
  const cause = new Error('no such package')
  const error = new TestDriverMissingError('better-sqlite3', { cause })
  expect(error).toBeInstanceOf(WorkQueueError)
  expect(error).toMatchObject({
    name: 'TestDriverMissingError',
    code: 'TEST_DRIVER_MISSING',
    driver: 'better-sqlite3',
    message:
      'Test sessions need the package better-sqlite3, which is not installed: npm install --save-dev better-sqlite3',
    cause,
  })
})

test('without better-sqlite3 everything loads, and only a test session fails, with a clear error', async () => {
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  const directory = await mkdtemp(join(tmpdir(), 'kysely-work-queues-'))
  try {
    await cp(join(root, 'src'), join(directory, 'src'), { recursive: true })
    await mkdir(join(directory, 'node_modules'))
    for (const name of ['kysely', 'zod', 'date-fns', 'uuid']) {
      await symlink(join(root, 'node_modules', name), join(directory, 'node_modules', name))
    }
    await writeFile(join(directory, 'package.json'), JSON.stringify({ type: 'module' }))
    await writeFile(
      join(directory, 'test.ts'),
      `import * as library from './src/index.ts'
       import { createTestClock, createTestSession } from './src/testing/index.ts'
       createTestClock()
       const { name, code, driver, cause } = await createTestSession().catch((error) => error)
       console.log(JSON.stringify({ functions: Object.keys(library).length, name, code, driver, cause: cause.code }))`,
    )
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', join(directory, 'test.ts')], {
      cwd: root,
    })
    const result = JSON.parse(stdout)
    expect(result).toEqual({
      functions: expect.any(Number),
      name: 'TestDriverMissingError',
      code: 'TEST_DRIVER_MISSING',
      driver: 'better-sqlite3',
      cause: 'ERR_MODULE_NOT_FOUND',
    })
    expect(result.functions).toBeGreaterThan(40)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
