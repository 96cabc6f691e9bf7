import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

import { describe, expect, it } from 'vitest'

import { freeName, nameFromGitUrl, nameProblem, RESERVED, suggestName } from './names'

const python = readFileSync(resolve(import.meta.dirname, '../../../src/vibecode/domain/names.py'), 'utf8')

describe('nameProblem', () => {
  it.each(['a', 'alice', 'my-project', '7', 'a1-b2-c3', 'a'.repeat(40)])('accepts %s', (name) => {
    expect(nameProblem(name)).toBeNull()
  })

  it.each([
    ['', /can't be empty/],
    ['a'.repeat(41), /at most 40 characters, and this one has 41/],
    ['Alice', /lower case: try alice/],
    ['my project', /starts and ends.*try my-project/],
    ['-alice', /try alice/],
    ['alice-', /try alice/],
    ['a--b', /two hyphens in a row.*try a-b/],
    ['xn--bcher-kva', /two hyphens/],
    ['аlice', /'а' looks like a letter of theirs/],
    ['api', /reserved/],
    ['login', /reserved/],
    ['www', /reserved/],
    ['alice.example', /try alice-example/],
    ['alice\n', /starts and ends/],
  ])('refuses %j', (name, message) => {
    expect(nameProblem(name)).toMatch(message)
  })

  it('counts characters as the server does, not UTF-16 units', () => {
    expect(nameProblem('😀'.repeat(40))).toMatch(/another alphabet/)
    expect(nameProblem('😀'.repeat(41))).toMatch(/this one has 41/)
  })

  it('names what is being named', () => {
    expect(nameProblem('', 'user')).toMatch(/^A user name/)
  })
})

describe('the rules of names.py', () => {
  it('have the same reserved names', () => {
    const block = /RESERVED: Final = frozenset\(\s*\{(.*?)\n {4}\}/s.exec(python)?.[1] ?? ''
    const words = [...block.matchAll(/"([a-z-]+)"/g)].map((match) => match[1])
    expect(words.length).toBeGreaterThan(10)
    expect([...RESERVED].sort()).toEqual([...new Set(words)].sort())
  })

  it('have the same length', () => {
    expect(python).toContain('MAX_LENGTH: Final = 40\n')
  })
})

describe('suggestName', () => {
  it.each([
    ['My Project!', 'my-project'],
    ['___', 'workspace-1'],
    ['API', 'api-ws'],
    ['a'.repeat(60), 'a'.repeat(40)],
    [`${'a'.repeat(39)} b`, 'a'.repeat(39)],
  ])('of %j is %s', (value, name) => {
    expect(suggestName(value)).toBe(name)
    expect(nameProblem(suggestName(value))).toBeNull()
  })
})

describe('freeName', () => {
  it('counts up past taken names', () => {
    expect(freeName('alice', new Set())).toBe('alice')
    expect(freeName('alice', new Set(['alice', 'alice-2']))).toBe('alice-3')
  })

  it('stays within the length', () => {
    const name = freeName('a'.repeat(40), new Set(['a'.repeat(40)]))
    expect(name).toBe(`${'a'.repeat(38)}-2`)
    expect(nameProblem(name)).toBeNull()
  })
})

describe('nameFromGitUrl', () => {
  it.each([
    ['https://github.com/acme/Store_Front.git', 'store-front'],
    ['https://github.com/acme/shop/', 'shop'],
    ['git@github.com:acme/ledger.git', 'ledger'],
    ['https://example.org/x/api?ref=1#top', 'api-ws'],
    ['', null],
    ['https://', null],
  ])('of %j is %s', (url, name) => {
    expect(nameFromGitUrl(url)).toBe(name)
  })
})
