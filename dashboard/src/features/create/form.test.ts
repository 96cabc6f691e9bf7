import { describe, expect, it } from 'vitest'

import { pythonTemplate } from '@/test/data'

import { answers, type CreateForm, formField, newKey, problemsOf, proposedName, requestBody } from './form'

const blank: CreateForm = { kind: 'blank', name: null, url: '', branch: '', template: '', parameters: {}, idle: null }
const none = new Set<string>()

describe('proposedName', () => {
  it('is the user for the first workspace, and free', () => {
    expect(proposedName(blank, 'alice', none)).toBe('alice')
    expect(proposedName(blank, 'alice', new Set(['alice']))).toBe('alice-2')
  })

  it('follows the repository and the template', () => {
    expect(proposedName({ ...blank, kind: 'git', url: 'https://github.com/acme/Shop.git' }, 'alice', none)).toBe('shop')
    expect(proposedName({ ...blank, kind: 'git' }, 'alice', none)).toBe('alice')
    expect(proposedName({ ...blank, kind: 'template', template: 'python' }, 'alice', none)).toBe('python')
  })
})

describe('problemsOf', () => {
  it('finds none in a good form', () => {
    expect(problemsOf(blank, 'alice', none, undefined)).toEqual({})
    expect(problemsOf({ ...blank, kind: 'template', template: 'python' }, 'alice', none, pythonTemplate)).toEqual({})
  })

  it('finds a name that is in use', () => {
    expect(problemsOf(blank, 'alice', new Set(['alice']), undefined).name).toMatch(/already a workspace alice/)
  })

  it('asks for a repository and a template only where they are meant', () => {
    expect(problemsOf({ ...blank, kind: 'git' }, 'alice', none, undefined)).toHaveProperty('url')
    expect(problemsOf({ ...blank, kind: 'git', url: 'https://x y' }, 'alice', none, undefined).url).toMatch(/no spaces/)
    expect(problemsOf({ ...blank, kind: 'template' }, 'alice', none, undefined)).toEqual({ template: 'Choose a template.' })
  })

  it('judges the parameters by their rules', () => {
    const form: CreateForm = { ...blank, kind: 'template', template: 'python' }
    expect(problemsOf({ ...form, parameters: { project: '' } }, 'a', none, pythonTemplate)['parameters.project']).toMatch(/is needed/)
    expect(problemsOf({ ...form, parameters: { project: 'My App' } }, 'a', none, pythonTemplate)['parameters.project']).toMatch(/form/)
  })

  it('judges a custom idle time', () => {
    expect(problemsOf({ ...blank, idle: { choice: 'custom', minutes: '0' } }, 'a', none, undefined)).toHaveProperty('idleTimeout')
  })
})

it('answers a template with its defaults where nothing was typed', () => {
  expect(answers(pythonTemplate, { python: '3.12' })).toEqual({ project: 'app', python: '3.12', tests: 'true' })
})

describe('requestBody', () => {
  it('leaves the idle time to the server unless somebody chose one', () => {
    expect(requestBody(blank, 'alice', undefined)).toEqual({ name: 'alice', source: null })
    expect(requestBody({ ...blank, idle: { choice: 'never', minutes: '' } }, 'alice', undefined)).toHaveProperty('idleTimeout', null)
  })

  it('trims the repository, and an empty branch is the default one', () => {
    expect(requestBody({ ...blank, kind: 'git', url: ' https://x/y ', branch: ' ' }, 'y', undefined).source).toEqual({
      type: 'git',
      url: 'https://x/y',
      branch: null,
    })
  })
})

it.each([
  ['name', 'name'],
  ['source.url', 'url'],
  ['source.git.url', 'url'],
  ['source.branch', 'branch'],
  ['source.name', 'template'],
  ['source.template.name', 'template'],
  ['source.parameters.project', 'parameters.project'],
  ['idleTimeout', 'idleTimeout'],
  [null, null],
])('the input %s of the API is the field %s', (input, field) => {
  expect(formField(input)).toBe(field)
})

it('makes keys that differ', () => {
  expect(newKey()).toMatch(/^[0-9a-f]{32}$/)
  expect(newKey()).not.toBe(newKey())
})
