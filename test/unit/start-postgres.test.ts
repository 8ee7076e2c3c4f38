import { spawnSync } from 'node:child_process'
import { chmod, cp, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { embeddedPostgres, runnableBin, serverUser } from '../support/start-postgres.js'

test('a server runs the programs where they are installed, if its user can', async () => {
  await using place = await folder(0o755)
  const postgres = join(place.path, 'installed')
  await cp(embeddedPostgres(), postgres, { recursive: true, verbatimSymlinks: true })
  spawnSync('chmod', ['-R', 'a+rX', postgres])
  expect(await runnableBin(postgres, place.path, serverUser())).toBe(join(postgres, 'bin'))
})

// What a folder of root's own, such as /root, is to another user; and, to every user, programs without the right to run them.
test.each([
  { what: 'programs below a folder of one user', folderMode: 0o700, programMode: 0o755, copiedFor: 'root' },
  { what: 'programs without the right to run them', folderMode: 0o755, programMode: 0o600, copiedFor: 'every user' },
])('$what run for the user of a server', async (modes) => {
  await using closed = await folder(modes.folderMode)
  await using open = await folder(0o755)
  await cp(embeddedPostgres(), closed.path, { recursive: true, verbatimSymlinks: true, force: true })
  await chmod(closed.path, modes.folderMode)
  for (const program of ['initdb', 'postgres']) await chmod(join(closed.path, 'bin', program), modes.programMode)

  const user = serverUser()
  const bin = await runnableBin(closed.path, open.path, user)
  for (const program of ['initdb', 'postgres']) {
    const { status, stdout } = spawnSync(join(bin, program), ['--version'], { ...user, cwd: '/', encoding: 'utf8' })
    expect(status).toBe(0)
    expect(stdout).toContain('PostgreSQL')
  }
  const isCopied = modes.copiedFor === 'every user' || user.uid !== undefined
  expect(bin).toBe(join(isCopied ? join(open.path, 'postgres') : closed.path, 'bin'))
})

test('a server never runs as root', async () => {
  const { uid = process.getuid?.() } = serverUser()
  expect(uid).not.toBe(0)
})

async function folder(mode: number): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'kysely-work-queues-'))
  await chmod(path, mode)
  expect((await stat(path)).mode & 0o777).toBe(mode)
  return { path, [Symbol.asyncDispose]: async () => await rm(path, { recursive: true, force: true }) }
}
