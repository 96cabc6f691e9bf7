import { expect, it } from 'vitest'

import { safeNext, workspaceHost } from './address'

it.each(['/', '/workspaces/alice?tab=1#x', '/authorize?workspace=alice&state=00&to=%2F'])('goes on to %s', (next) => {
  expect(safeNext(next)).toBe(next)
})

it.each(['//evil.example', '/\\evil.example', 'https://evil.example/', 'javascript:alert(1)', '/\t/evil.example', 'workspaces', '', null, undefined, 3])(
  'goes to the dashboard instead of %j',
  (next) => {
    expect(safeNext(next)).toBe('/')
  },
)

it('names the host of a workspace', () => {
  expect(workspaceHost('alice', 'vibecode.localhost:8000')).toBe('alice.vibecode.localhost:8000')
  expect(workspaceHost('alice', 'vibecode.localhost')).toBe('alice.vibecode.localhost')
})
