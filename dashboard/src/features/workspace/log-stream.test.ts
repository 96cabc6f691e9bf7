import { act, renderHook } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { FakeEventSource } from '@/test/event-source'

import { appended, MAX_LINES, useLog } from './log-stream'

const line = (text: string) => ({ at: '2026-11-24T09:30:00Z', text })

describe('appended', () => {
  it('numbers lines on', () => {
    const first = appended([], [line('a'), line('b')])
    expect(appended(first, [line('c')]).map((each) => [each.number, each.text])).toEqual([
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
    ])
  })

  it('forgets the oldest of very many lines', () => {
    const many = appended([], Array.from({ length: MAX_LINES + 2 }, (_, index) => line(String(index))))
    expect(many).toHaveLength(MAX_LINES)
    expect(many[0]?.text).toBe('2')
    expect(appended(many, [line('last')]).at(-1)?.number).toBe(MAX_LINES + 3)
  })
})

describe('useLog', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })

  afterEach(() => {
    vi.useRealTimers()
  })

  const pass = (milliseconds: number) => act(() => vi.advanceTimersByTimeAsync(milliseconds))
  const say = (text: string) => act(() => FakeEventSource.latest().say('log', line(text)))

  it('shows lines as they come, and starts over with a new connection, which repeats them', async () => {
    const { result } = renderHook(() => useLog('alice', '0'))
    const texts = () => result.current.lines.map((each) => each.text)
    expect(FakeEventSource.latest().url).toBe('/api/v1/workspaces/alice/logs/stream')
    say('one')
    await pass(60)
    say('two')
    await pass(60)
    expect(texts()).toEqual(['one', 'two'])
    act(() => FakeEventSource.latest().onerror?.())
    expect(result.current.connected).toBe(false)
    expect(texts()).toEqual(['one', 'two'])
    await pass(3000)
    say('one')
    say('two')
    say('three')
    await pass(60)
    expect(texts()).toEqual(['one', 'two', 'three'])
    expect(result.current.connected).toBe(true)
  })

  it('follows the new log of another start, and closes what it does not need', () => {
    const { rerender, unmount } = renderHook(({ start }) => useLog('alice', start), { initialProps: { start: '0' } })
    const first = FakeEventSource.latest()
    rerender({ start: '1' })
    expect(first.closed).toBe(true)
    expect(FakeEventSource.all).toHaveLength(2)
    unmount()
    expect(FakeEventSource.latest().closed).toBe(true)
  })
})
