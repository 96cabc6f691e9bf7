import { useEffect, useState } from 'react'

import type { LogLine } from '@/api/model'
import { plainLine } from '@/lib/format'

/** Older lines are dropped: a log of a start is seldom longer, and a page with more gets slow. */
export const MAX_LINES = 5000

export interface ShownLine {
  /** Number of the line in the log, from 1. */
  number: number
  at: string
  text: string
}

/** `before` with more lines after it, at most {@link MAX_LINES}. */
export function appended(before: readonly ShownLine[], lines: readonly LogLine[]): ShownLine[] {
  const first = (before.at(-1)?.number ?? 0) + 1
  const added = lines.map(({ at, text }, index) => ({ number: first + index, at, text: plainLine(text) }))
  return [...before, ...added].slice(-MAX_LINES)
}

export interface LogState {
  lines: readonly ShownLine[]
  connected: boolean
}

const RETRY = 3000
const EMPTY: LogState = { lines: [], connected: false }

/**
 * The start log of a workspace, live.
 *
 * Each connection gets the log from its beginning, so a new one replaces what was shown, with its first lines.
 * `generation` changes when the workspace starts again: then there is a new log.
 */
export function useLog(name: string, generation: string): LogState {
  const [state, setState] = useState<LogState>(EMPTY)

  useEffect(() => {
    let waiting: LogLine[] = []
    let fresh = true
    let timer: number | undefined
    let retry: number | undefined
    let stream: EventSource

    function flush() {
      timer = undefined
      const [lines, replace] = [waiting, fresh]
      waiting = []
      fresh = false
      setState((before) => ({ connected: true, lines: appended(replace ? [] : before.lines, lines) }))
    }

    function open() {
      stream = new EventSource(`/api/v1/workspaces/${encodeURIComponent(name)}/logs/stream`)
      fresh = true
      stream.onopen = () => {
        timer ??= window.setTimeout(flush, 100)
      }
      stream.addEventListener('log', (event) => {
        waiting.push(JSON.parse(event.data as string) as LogLine)
        // Many lines come at once at the beginning: shown together.
        timer ??= window.setTimeout(flush, 50)
      })
      stream.onerror = () => {
        stream.close()
        window.clearTimeout(timer)
        timer = undefined
        if (waiting.length > 0) flush()
        setState((before) => ({ ...before, connected: false }))
        retry = window.setTimeout(open, RETRY)
      }
    }

    open()
    return () => {
      window.clearTimeout(timer)
      window.clearTimeout(retry)
      stream.close()
      setState(EMPTY)
    }
  }, [name, generation])

  return state
}
