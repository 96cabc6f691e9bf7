import { QueryClient } from '@tanstack/react-query'
import { expect, it, vi } from 'vitest'

import { connectionStore } from '@/lib/connection'
import { me, workspace } from '@/test/data'
import { json, problem, serve } from '@/test/server'

import { http, unwrap } from './client'
import { ApiError, explain, UnreachableError } from './errors'
import { workspacesQuery } from './queries'

const getMe = () => unwrap(http.GET('/api/v1/me'))

it('returns what the server answers', async () => {
  serve({ 'GET /me': () => json(me) })
  await expect(getMe()).resolves.toEqual(me)
})

it('throws the problem of the server, with its sentence', async () => {
  serve({ 'GET /me': () => problem(403, 'forbidden', 'Only administrators may do that.') })
  const error: unknown = await getMe().catch((failure: unknown) => failure)
  expect(error).toBeInstanceOf(ApiError)
  expect(explain(error)).toBe('Only administrators may do that.')
  expect(connectionStore.get()).toMatchObject({ reachable: true, signedIn: true })
})

it('notes that the session has ended', async () => {
  serve({ 'GET /me': () => problem(401, 'unauthenticated', 'Sign in first.') })
  await expect(getMe()).rejects.toThrow('Sign in first.')
  expect(connectionStore.get().signedIn).toBe(false)
})

it.each([
  ['no answer', () => Promise.reject(new TypeError('Failed to fetch'))],
  ['a proxy in between', () => Promise.resolve(new Response('<h1>Bad gateway</h1>', { status: 502 }))],
])('notes that the server is away: %s', async (_, answer) => {
  vi.stubGlobal('fetch', answer)
  await expect(getMe()).rejects.toBeInstanceOf(UnreachableError)
  expect(connectionStore.get().reachable).toBe(false)
  serve({ 'GET /me': () => json(me) })
  await getMe()
  expect(connectionStore.get().reachable).toBe(true)
})

it('explains an answer that is no problem document', async () => {
  vi.stubGlobal('fetch', () => Promise.resolve(new Response('oops', { status: 500 })))
  const error: unknown = await getMe().catch((failure: unknown) => failure)
  expect(explain(error)).toMatch(/answered with an error \(500\)/)
})

it('reads all pages of the workspaces', async () => {
  const calls = serve({
    'GET /workspaces': ({ query }) =>
      query.get('cursor') === 'more'
        ? json({ items: [workspace({ name: 'a' })], nextCursor: null })
        : json({ items: [workspace({ name: 'b' })], nextCursor: 'more' }),
  })
  const all = await new QueryClient().query(workspacesQuery)
  expect(all.map((each) => each.name)).toEqual(['a', 'b'])
  expect(calls).toHaveLength(2)
})
