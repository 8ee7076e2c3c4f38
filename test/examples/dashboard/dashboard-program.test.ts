import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { createWorkPool } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { createEmptyDatabase, urlOf } from '../../support/database-url.js'
import { sqliteFile } from '../../support/databases.js'
import { root } from '../../support/shell.js'

// A program that compiles as it starts.
const TIMEOUT = 60_000

interface Program extends AsyncDisposable {
  readonly url: string
  /** Asks it to stop, and returns its exit code. */
  stop(): Promise<number | null>
}

/** Starts the example on a port that is free. */
async function start(env: Record<string, string>): Promise<Program> {
  // tsx takes this repository's tsconfig.json, and so the library's sources.
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', 'examples/dashboard.ts'], {
    cwd: root,
    env: { ...process.env, DATABASE_URL: ':memory:', PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = once(child, 'exit')
  const stop = async (): Promise<number | null> => {
    child.kill('SIGTERM')
    await gone
    return child.exitCode
  }
  if (child.stdout === null) throw new Error('It has no output')
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const [, url = ''] = /^listening on (.*)$/.exec(line) ?? []
  return { url, stop, [Symbol.asyncDispose]: async () => void (await stop()) }
}

async function look(url: string): Promise<any> {
  const response = await fetch(`${url}/api/overview`)
  return { ...((await response.json()) as object), hasChanges: response.headers.get('x-has-changes') }
}

test.each([
  ['in memory', async () => ':memory:'],
  ['on PostgreSQL', async () => await createEmptyDatabase('dashboard')],
])('the program shows its load %s, and ends when it is told to', { timeout: TIMEOUT }, async (_, makeDatabase) => {
  await using program = await start({ DATABASE_URL: await makeDatabase() })
  expect(await (await fetch(program.url)).text()).toContain('<title>Work queues</title>')
  await expect
    .poll(() => look(program.url), { timeout: 20_000 })
    .toMatchObject({
      hasChanges: 'true',
      pools: [
        { workPoolName: 'etl', active: expect.toSatisfy((active: number) => active > 0), workersOnline: 2 },
        { workPoolName: 'reports', workersOnline: 1 },
        { workPoolName: 'training', workersOnline: 0 },
      ],
    })
  // Also while a page is told of changes.
  const told = await fetch(`${program.url}/api/changes`)
  const reader = told.body?.getReader()
  expect(new TextDecoder().decode((await reader?.read())?.value)).toContain(': open')
  expect(new TextDecoder().decode((await reader?.read())?.value)).toContain('event: changed')
  expect(await program.stop()).toBe(0)
  await reader?.cancel().catch(() => undefined)
})

test('with LOAD=0 it shows what is there, and writes nothing', { timeout: TIMEOUT }, async () => {
  await using database = await sqliteFile.create(false)
  await createWorkPool(database.db, { name: 'mine' })
  await using program = await start({ DATABASE_URL: await urlOf(database), LOAD: '0' })
  expect(await look(program.url)).toMatchObject({
    hasChanges: 'false',
    pools: [{ workPoolName: 'mine', scheduled: 0 }],
  })
  expect((await fetch(`${program.url}/api/changes`)).status).toBe(204)
  expect(await program.stop()).toBe(0)
})
