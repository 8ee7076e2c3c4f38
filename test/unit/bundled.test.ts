import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import * as library from 'kysely-work-queues'
import { expect, test } from 'vitest'
import type { z } from 'zod'
import { root } from '../support/shell.js'

// A host that bundles gets of zod what is used: its messages in English, and none of its sixty other languages, half of its size. That
// takes `import * as z`, since esbuild takes all of what `import { z }` names.

const outfile = join(root, 'coverage', 'bundled', 'host.mjs')

test('a host that bundles gets no more of zod than is used, and the same answers', async () => {
  const { metafile } = await build({
    entryPoints: [join(root, 'src', 'index.ts')],
    absWorkingDir: root,
    bundle: true,
    external: ['kysely'],
    platform: 'node',
    format: 'esm',
    outfile,
    metafile: true,
    logLevel: 'silent',
  })
  const [output] = Object.values(metafile.outputs)
  const languages = Object.entries(output?.inputs ?? {}).filter(
    ([path, { bytesInOutput }]) => path.includes('/zod/v4/locales/') && bytesInOutput > 0,
  )
  expect(languages.map(([path]) => path.split('/').at(-1))).toEqual(['en.js'])

  const bundled = (await import(pathToFileURL(outfile).href)) as typeof library
  const inputs = { name: 1, priority: 0.5, concurrencyLimit: -1, workPoolId: 'x', filter: { tags: 7 }, more: true }
  const issuesOf = ({ workQueueCreateSchema }: typeof library): z.core.$ZodIssue[] =>
    workQueueCreateSchema.safeParse(inputs).error?.issues ?? []
  expect(issuesOf(bundled)).toHaveLength(6)
  expect(issuesOf(bundled)).toEqual(issuesOf(library))
})

test('each file imports zod as a namespace', () => {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  )
  const others = files.filter((file) =>
    /^import (?!\* as z ).* from 'zod'/m.test(readFileSync(join(root, 'src', file), 'utf8')),
  )
  expect(others).toEqual([])
})
