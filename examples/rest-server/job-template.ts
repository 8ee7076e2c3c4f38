import type { z } from 'zod'
import { isObject } from './keys.js'

/** A variable of a template, such as `{{ image }}`. */
const VARIABLE = /\{\{\s*([\w.\-[\]$]+)\s*\}\}/g

/**
 * Adds an issue for a base job template that workers could not fill in: Prefect's server refuses these, while the library, which
 * never fills one in, takes any JSON object.
 */
export function checkJobTemplate(
  { baseJobTemplate: template }: { baseJobTemplate?: unknown },
  context: z.RefinementCtx,
): void {
  if (!isObject(template) || Object.keys(template).length === 0) return
  const { job_configuration: configuration, variables } = template
  if (!isFilled(configuration) || !isFilled(variables)) {
    const message = 'The `base_job_template` must contain both a `job_configuration` key and a `variables` key.'
    context.addIssue({ code: 'custom', path: ['baseJobTemplate'], message })
    return
  }
  const used = [...JSON.stringify(configuration).matchAll(VARIABLE)].map(([, name]) => name ?? '')
  const declared = new Set(isObject(variables['properties']) ? Object.keys(variables['properties']) : [])
  const undeclared = [...new Set(used)].filter((name) => !declared.has(name))
  if (undeclared.length === 0) return
  const message =
    'The variables specified in the job configuration template must be present as properties in the variables schema. ' +
    `Your job configuration uses the following undeclared variable(s): ${undeclared.join(' ,')}.`
  context.addIssue({ code: 'custom', path: ['baseJobTemplate'], message })
}

function isFilled(value: unknown): value is Record<string, unknown> {
  return isObject(value) && Object.keys(value).length > 0
}
