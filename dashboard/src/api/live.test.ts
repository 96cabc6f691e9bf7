import { QueryClient } from '@tanstack/react-query'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { connectionStore } from '@/lib/connection'
import { me, workspace } from '@/test/data'
import { FakeEventSource } from '@/test/event-source'

import { followWorkspaces } from './live'
import { eventsQuery, keptQuery, meQuery, workspacesQuery } from './queries'

let client: QueryClient
let stop: () => void

const names = () => client.getQueryData(workspacesQuery.queryKey)?.map((each) => each.name)

beforeEach(() => {
  vi.useFakeTimers()
  client = new QueryClient()
  client.setQueryData(meQuery.queryKey, me)
  client.setQueryData(workspacesQuery.queryKey, [workspace({ name: 'alice' }), workspace({ name: 'gone' })])
  stop = followWorkspaces(client)
})

afterEach(() => {
  stop()
  vi.useRealTimers()
})

describe('the stream of changes', () => {
  it('drops what was deleted while nobody listened, once the server is ready', () => {
    const stream = FakeEventSource.latest()
    stream.say('workspace', workspace({ name: 'alice', status: 'stopped' }))
    stream.say('workspace', workspace({ name: 'new' }))
    expect(names()).toEqual(['alice', 'gone', 'new'])
    stream.say('ready', {})
    expect(names()).toEqual(['alice', 'new'])
    expect(client.getQueryData(workspacesQuery.queryKey)?.[0]?.status).toBe('stopped')
    expect(connectionStore.get().live).toBe('open')
  })

  it('follows changes and removals', () => {
    const stream = FakeEventSource.latest()
    stream.say('workspace', workspace({ name: 'alice' }))
    stream.say('ready', {})
    stream.say('workspace', workspace({ name: 'bob' }))
    stream.say('removed', { name: 'alice' })
    expect(names()).toEqual(['bob'])
  })

  it('asks anew what is kept when a workspace comes or goes', () => {
    const isStale = () => client.getQueryState(keptQuery.queryKey)?.isInvalidated
    client.setQueryData(keptQuery.queryKey, [])
    const stream = FakeEventSource.latest()
    stream.say('workspace', workspace({ name: 'alice' }))
    stream.say('ready', {})
    stream.say('workspace', workspace({ name: 'alice', reason: 'stops in 3 min' }))
    expect(isStale()).toBe(false)
    stream.say('workspace', workspace({ name: 'bob' }))
    expect(isStale()).toBe(true)
    client.setQueryData(keptQuery.queryKey, [])
    stream.say('removed', { name: 'alice' })
    expect(isStale()).toBe(true)
  })

  it('asks for the events of a workspace anew when its status changes, and only then', () => {
    client.setQueryData(eventsQuery('alice').queryKey, [])
    const isStale = () => client.getQueryState(eventsQuery('alice').queryKey)?.isInvalidated
    const stream = FakeEventSource.latest()
    stream.say('workspace', workspace({ name: 'alice', reason: 'stops in 3 min' }))
    expect(isStale()).toBe(false)
    stream.say('workspace', workspace({ name: 'alice', status: 'stopped' }))
    expect(isStale()).toBe(true)
  })

  it('connects again by itself, and says so until it has', async () => {
    FakeEventSource.latest().onerror?.()
    expect(connectionStore.get().live).toBe('reconnecting')
    expect(FakeEventSource.all).toHaveLength(1)
    expect(FakeEventSource.latest().closed).toBe(true)
    await vi.advanceTimersByTimeAsync(500)
    expect(FakeEventSource.all).toHaveLength(2)
    FakeEventSource.latest().say('ready', {})
    expect(connectionStore.get().live).toBe('open')
    expect(names()).toEqual([])
  })

  it('gives its connection back in a tab that stays hidden, and takes it again', async () => {
    const hidden = vi.spyOn(document, 'hidden', 'get').mockReturnValue(true)
    document.dispatchEvent(new Event('visibilitychange'))
    await vi.advanceTimersByTimeAsync(29_000)
    expect(FakeEventSource.latest().closed).toBe(false)
    await vi.advanceTimersByTimeAsync(2000)
    expect(FakeEventSource.latest().closed).toBe(true)
    hidden.mockReturnValue(false)
    document.dispatchEvent(new Event('visibilitychange'))
    expect(FakeEventSource.all).toHaveLength(2)
    expect(FakeEventSource.latest().closed).toBe(false)
  })

  it('ends for good when it is stopped', async () => {
    FakeEventSource.latest().onerror?.()
    stop()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(FakeEventSource.all).toHaveLength(1)
  })
})
