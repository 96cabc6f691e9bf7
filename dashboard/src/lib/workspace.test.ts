import { describe, expect, it } from 'vitest'

import { workspace } from '@/test/data'

import { filterOf, inOrder, matches, reasonText, sourceText } from './workspace'

const NOW = Date.parse('2026-11-24T12:00:00Z')

describe('reasonText', () => {
  it('counts down between the updates of the server', () => {
    const each = workspace({ reason: 'stops in 12 min', stopsAt: '2026-11-24T12:07:30Z' })
    expect(reasonText(each, NOW)).toBe('stops in 8 min')
    expect(reasonText(each, NOW + 60_000)).toBe('stops in 7 min')
  })

  it('leaves other sentences alone, also when a stop is planned', () => {
    expect(reasonText(workspace({ stopsAt: '2026-11-24T12:07:30Z' }), NOW)).toBe('kept: terminal is running npm test')
  })

  it('does not repeat the status, which stands beside it', () => {
    expect(reasonText(workspace({ status: 'stopped', reason: 'Stopped: nobody used it for 30 min.' }), NOW)).toBe('nobody used it for 30 min.')
  })
})

describe('sourceText', () => {
  it.each([
    [null, 'Blank'],
    [{ type: 'template', name: 'python', parameters: {} } as const, 'python template'],
    [{ type: 'git', url: 'https://token@github.com/acme/shop.git/', branch: 'main' } as const, 'github.com/acme/shop · main'],
    [{ type: 'git', url: 'git@github.com:acme/shop.git' } as const, 'github.com:acme/shop'],
  ])('of %j is %s', (source, text) => {
    expect(sourceText(source)).toBe(text)
  })
})

it('finds workspaces by all words, in any of what is shown', () => {
  const each = workspace({ name: 'shop', owner: 'bob', source: { type: 'git', url: 'https://github.com/acme/store', branch: null } })
  expect(matches(each, '')).toBe(true)
  expect(matches(each, 'ACME bob')).toBe(true)
  expect(matches(each, 'acme carol')).toBe(false)
})

it('counts what is on its way as running', () => {
  expect((['pending', 'starting', 'running', 'stopping', 'stopped', 'failed'] as const).map((status) => filterOf(workspace({ status })))).toEqual([
    'running',
    'running',
    'running',
    'running',
    'stopped',
    'failed',
  ])
})

describe('inOrder', () => {
  const list = [
    workspace({ name: 'b', resources: { cpu: 1, memory: 5, storage: 1 }, lastActive: null }),
    workspace({ name: 'a', resources: { cpu: 1, memory: 9, storage: 1 }, lastActive: '2026-11-24T10:00:00Z' }),
    workspace({ name: 'c', resources: { cpu: 2, memory: 7, storage: 1 }, lastActive: '2026-11-24T11:00:00Z' }),
  ]
  const names = (column: Parameters<typeof inOrder>[1], reversed = false) => inOrder(list, column, reversed).map((each) => each.name)

  it('puts the largest and the latest first, and equals by name', () => {
    expect(names('cpu')).toEqual(['c', 'a', 'b'])
    expect(names('memory')).toEqual(['a', 'c', 'b'])
    expect(names('lastActive')).toEqual(['c', 'a', 'b'])
    expect(names('name', true)).toEqual(['c', 'b', 'a'])
  })

  it('keeps equals in order of name when reversed', () => {
    expect(names('cpu', true)).toEqual(['a', 'b', 'c'])
  })
})
