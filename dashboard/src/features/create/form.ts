/** The create form without its looks: what is filled in, what is wrong with it, what is sent. */
import type { NewWorkspace, Template } from '@/api/model'
import { type IdleInput, idleProblem, idleSeconds } from '@/lib/idle'
import { freeName, nameFromGitUrl, nameProblem, suggestName } from '@/lib/names'

import type { CreateKind } from './kinds'

export interface CreateForm {
  kind: CreateKind
  /** What was typed as name; null as long as the proposed one stands. */
  name: string | null
  url: string
  branch: string
  template: string
  parameters: Record<string, string>
  /** null leaves it to the server's default. */
  idle: IdleInput | null
}

/** Messages by field; a template's parameter is `parameters.<name>`. */
export type Problems = Partial<Record<string, string>>

/**
 * The form's field for an input of the API.
 *
 * The two sources share one member there, and its checks may put the source's type into the path: `source.git.url`.
 */
export function formField(input: string | null): string | null {
  const parts = input?.split('.') ?? []
  if (parts[0] !== 'source') return input
  const path = parts.slice(parts[1] === 'git' || parts[1] === 'template' ? 2 : 1)
  return path[0] === 'name' ? 'template' : path.join('.')
}

/** A free name that fits what is filled in: the user's for a blank one, else the repository's or template's. */
export function proposedName(form: CreateForm, user: string, taken: ReadonlySet<string>): string {
  const base =
    form.kind === 'git' ? nameFromGitUrl(form.url) : form.kind === 'template' && form.template ? suggestName(form.template) : null
  return freeName(base ?? suggestName(user), taken)
}

/** The answers to a template's parameters, with the defaults where nothing was typed. */
export function answers(template: Template, typed: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    template.parameters.map((parameter) => {
      const fallback =
        parameter.default ?? (parameter.type === 'choice' ? (parameter.choices[0] ?? '') : parameter.type === 'boolean' ? 'false' : '')
      return [parameter.name, typed[parameter.name] ?? fallback]
    }),
  )
}

export function problemsOf(form: CreateForm, name: string, taken: ReadonlySet<string>, template: Template | undefined): Problems {
  const problems: Problems = {}
  const wrongName = nameProblem(name) ?? (taken.has(name) ? `There is already a workspace ${name}: choose another name.` : null)
  if (wrongName) problems.name = wrongName
  if (form.kind === 'git') {
    if (!form.url.trim()) problems.url = 'Give the address that you would give to git clone.'
    else if (/\s/.test(form.url.trim())) problems.url = 'A Git address has no spaces in it.'
  }
  if (form.kind === 'template') {
    if (!template) problems.template = 'Choose a template.'
    else Object.assign(problems, parameterProblems(template, form.parameters))
  }
  const wrongIdle = form.idle && idleProblem(form.idle)
  if (wrongIdle) problems.idleTimeout = wrongIdle
  return problems
}

function parameterProblems(template: Template, typed: Readonly<Record<string, string>>): Problems {
  const problems: Problems = {}
  const values = answers(template, typed)
  for (const { name, title, required, pattern, type } of template.parameters) {
    const value = values[name] ?? ''
    if (required && !value) problems[`parameters.${name}`] = `${title} is needed.`
    else if (type === 'string' && value && pattern !== null && !fits(pattern, value)) {
      problems[`parameters.${name}`] = `${title} does not have the form that the template asks for (${pattern}).`
    }
  }
  return problems
}

/** Whether the whole value fits; a pattern of a dialect that the browser does not know is left to the server. */
function fits(pattern: string, value: string): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`, 'u').test(value)
  } catch {
    return true
  }
}

export function requestBody(form: CreateForm, name: string, template: Template | undefined): NewWorkspace {
  return {
    name,
    source: source(form, template),
    ...(form.idle ? { idleTimeout: idleSeconds(form.idle) } : {}),
  }
}

function source(form: CreateForm, template: Template | undefined): NonNullable<NewWorkspace['source']> | null {
  if (form.kind === 'git') return { type: 'git', url: form.url.trim(), branch: form.branch.trim() || null }
  if (form.kind === 'template' && template) {
    return { type: 'template', name: template.name, parameters: answers(template, form.parameters) }
  }
  return null
}

/** A fresh Idempotency-Key. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
