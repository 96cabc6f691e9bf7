import { expect, it } from 'vitest'

import { workspace } from '@/test/data'

import { onlyNamed, withoutWorkspace, withWorkspace } from './merge'

const [a, b, c] = [workspace({ name: 'a' }), workspace({ name: 'b' }), workspace({ name: 'c' })]

it('puts a new workspace into its place', () => {
  expect(withWorkspace([a, c], b)).toEqual([a, b, c])
})

it('replaces one and keeps the others as they are', () => {
  const changed = workspace({ name: 'b', status: 'stopped' })
  const list = withWorkspace([a, b, c], changed)
  expect(list[1]).toBe(changed)
  expect(list[0]).toBe(a)
  expect(list[2]).toBe(c)
})

it('removes one', () => {
  expect(withoutWorkspace([a, b], 'a')).toEqual([b])
  expect(withoutWorkspace([a, b], 'x')).toEqual([a, b])
})

it('keeps only those that the server still has', () => {
  expect(onlyNamed([a, b, c], new Set(['a', 'c']))).toEqual([a, c])
})
