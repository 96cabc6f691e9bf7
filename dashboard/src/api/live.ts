import type { QueryClient } from '@tanstack/react-query'

import { connection } from '@/lib/connection'

import { onlyNamed, withoutWorkspace, withWorkspace } from './merge'
import type { Workspace } from './model'
import { keptQuery, meQuery, workspacesQuery } from './queries'

/** Waits before each further attempt, in milliseconds; the last one repeats. */
const BACKOFF = [500, 1000, 2000, 4000, 8000]
/** A hidden tab gives its connection back after this: browsers allow six to one server over HTTP/1.1. */
const HIDDEN_GRACE = 30_000

/**
 * Keeps the cached list of workspaces in step with the server until the returned function is called.
 *
 * Each connection begins with all present workspaces and `ready`: what was not among them is gone.
 */
export function followWorkspaces(client: QueryClient): () => void {
  let source: EventSource | null = null
  let attempts = 0
  let retryTimer: number | undefined
  let hiddenTimer: number | undefined

  function open(): void {
    window.clearTimeout(retryTimer)
    const present = new Set<string>()
    let ready = false
    const stream = new EventSource('/api/v1/events')
    source = stream

    stream.addEventListener('workspace', (event) => {
      const workspace = JSON.parse(event.data as string) as Workspace
      if (!ready) present.add(workspace.name)
      // Its files may be those that were kept.
      else if (!client.getQueryData(workspacesQuery.queryKey)?.some((each) => each.id === workspace.id)) {
        void client.invalidateQueries({ queryKey: keptQuery.queryKey })
      }
      apply(workspace)
    })
    stream.addEventListener('removed', (event) => {
      const { name } = JSON.parse(event.data as string) as { name: string }
      present.delete(name)
      void client.invalidateQueries({ queryKey: keptQuery.queryKey })
      client.setQueryData(workspacesQuery.queryKey, (list) => list && withoutWorkspace(list, name))
    })
    stream.addEventListener('ready', () => {
      ready = true
      attempts = 0
      client.setQueryData(workspacesQuery.queryKey, (list) => list && onlyNamed(list, present))
      connection.live('open')
      connection.answered()
    })
    stream.onerror = () => {
      // The browser's own retry gives up for good on an HTTP error, so all retries are ours.
      stream.close()
      if (source === stream) lost()
    }
  }

  function apply(workspace: Workspace): void {
    const before = client.getQueryData(workspacesQuery.queryKey)?.find((each) => each.name === workspace.name)
    client.setQueryData(workspacesQuery.queryKey, (list) => withWorkspace(list ?? [], workspace))
    if (before && before.status !== workspace.status) {
      void client.invalidateQueries({ queryKey: ['workspace', workspace.name] })
    }
  }

  function lost(): void {
    source = null
    connection.live('reconnecting')
    const wait = BACKOFF[Math.min(attempts, BACKOFF.length - 1)] ?? 0
    attempts += 1
    // An EventSource does not tell why it failed; this request does (no session, no server).
    if (attempts > 1) void client.refetchQueries({ queryKey: meQuery.queryKey })
    retryTimer = window.setTimeout(open, wait)
  }

  function close(): void {
    window.clearTimeout(retryTimer)
    source?.close()
    source = null
  }

  function onVisibility(): void {
    window.clearTimeout(hiddenTimer)
    if (document.hidden) hiddenTimer = window.setTimeout(close, HIDDEN_GRACE)
    else if (!source) open()
  }

  function onRetry(): void {
    close()
    attempts = 0
    open()
  }

  open()
  document.addEventListener('visibilitychange', onVisibility)
  window.addEventListener('online', onRetry)
  window.addEventListener('vibecode:retry', onRetry)
  return () => {
    window.clearTimeout(hiddenTimer)
    document.removeEventListener('visibilitychange', onVisibility)
    window.removeEventListener('online', onRetry)
    window.removeEventListener('vibecode:retry', onRetry)
    close()
    connection.live('connecting')
  }
}
