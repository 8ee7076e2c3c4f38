import { register } from 'node:module'

// Makes the API reference from the docstrings, in docs/api: `npm run docs`. Any warning fails.

// TypeDoc needs a compiler with a JavaScript API, which TypeScript 7 does not have: it is given TypeScript 6.
const hook = `export const resolve = (specifier, context, next) =>
  next(specifier === 'typescript' ? 'typescript-6' : specifier, context)`
register(`data:text/javascript,${encodeURIComponent(hook)}`)
const { Application } = await import('typedoc')

const app = await Application.bootstrapWithPlugins({
  name: 'kysely-work-queues',
  entryPoints: [
    'src/index.ts',
    'src/rules.ts',
    'src/migrations.ts',
    'src/postgres.ts',
    'src/sqlite.ts',
    'src/testing/index.ts',
  ],
  tsconfig: 'tsconfig.build.json',
  out: 'docs/api',
  readme: 'none',
  disableSources: true,
  intentionallyNotExported: ['Timestamp', 'Json', 'Flag', 'Requirement', 'PropertySchema'],
  excludeInternal: true,
  validation: { notExported: true, invalidLink: true, notDocumented: true, invalidPath: true },
  requiredToBeDocumented: ['Function', 'Class', 'Interface', 'TypeAlias', 'Variable'],
})
const project = await app.convert()
if (project === undefined) process.exit(1)
app.validate(project)
await app.generateOutputs(project)
if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exit(1)
