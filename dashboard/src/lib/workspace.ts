/** Small facts about a workspace that several places show. */
import type { Source, Workspace } from '@/api/model'

import { until } from './format'

/**
 * The server's sentence, with the time to the stop counted down between its updates, and without the status in front,
 * which stands beside it anyway.
 */
export function reasonText(workspace: Workspace, now: number): string {
  if (workspace.status === 'running' && workspace.stopsAt !== null && /^stops in /.test(workspace.reason)) {
    return `stops ${until(workspace.stopsAt, now)}`
  }
  const prefix = `${workspace.status}: `
  return workspace.reason.toLowerCase().startsWith(prefix) ? workspace.reason.slice(prefix.length) : workspace.reason
}

/** Where a workspace came from, in a few words: `github.com/acme/shop · main`. */
export function sourceText(source: Source | null): string {
  if (source === null) return 'Blank'
  if (source.type === 'template') return `${source.name} template`
  const place = source.url
    .replace(/^[a-z+]+:\/\//, '')
    .replace(/^[^@/]*@/, '')
    .replace(/\/+$/, '')
    .replace(/\.git$/, '')
  return source.branch ? `${place} · ${source.branch}` : place
}

export type Filter = 'all' | 'running' | 'stopped' | 'failed'

/** Which part of the list a workspace belongs to; one that is on its way counts as running. */
export function filterOf(workspace: Workspace): Exclude<Filter, 'all'> {
  if (workspace.status === 'failed') return 'failed'
  return workspace.status === 'stopped' ? 'stopped' : 'running'
}

/** Whether each word of the search is in its name, owner, source or reason. */
export function matches(workspace: Workspace, search: string): boolean {
  const text = [workspace.name, workspace.owner, sourceText(workspace.source), workspace.reason, workspace.status].join(' ').toLowerCase()
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word))
}

export type Column = 'name' | 'owner' | 'status' | 'cpu' | 'memory' | 'storage' | 'lastActive'

const RANK: Record<Workspace['status'], number> = { running: 0, starting: 1, pending: 2, stopping: 3, failed: 4, stopped: 5 }

function key(workspace: Workspace, column: Column): number | string {
  switch (column) {
    case 'name':
      return workspace.name
    case 'owner':
      return workspace.owner
    case 'status':
      return RANK[workspace.status]
    case 'cpu':
      return -workspace.resources.cpu
    case 'memory':
      return -workspace.resources.memory
    case 'storage':
      return -workspace.resources.storage
    case 'lastActive':
      return -(workspace.lastActive === null ? 0 : Date.parse(workspace.lastActive))
  }
}

/** Columns of which the largest or latest comes first at the first click. */
export const LARGEST_FIRST: ReadonlySet<Column> = new Set<Column>(['cpu', 'memory', 'storage', 'lastActive'])

/** The list in order of a column (largest and latest first), then of name. */
export function inOrder(list: readonly Workspace[], column: Column, reversed: boolean): Workspace[] {
  const direction = reversed ? -1 : 1
  return [...list].sort((a, b) => {
    const [left, right] = [key(a, column), key(b, column)]
    if (left < right) return -direction
    if (left > right) return direction
    return a.name < b.name ? -1 : 1
  })
}
