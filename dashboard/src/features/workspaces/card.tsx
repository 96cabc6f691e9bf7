import { Link } from '@tanstack/react-router'

import type { Workspace } from '@/api/model'
import { RelativeTime } from '@/components/relative-time'
import { StatusBadge } from '@/components/status-badge'
import { bytes, cores, sentence } from '@/lib/format'
import { useNow } from '@/lib/now'
import { reasonText, sourceText } from '@/lib/workspace'

import { ActionsMenu, OpenButton } from './actions'

interface ItemProps {
  workspace: Workspace
  /** Whether to say whose it is. */
  showOwner: boolean
}

export function WorkspaceCard({ workspace, showOwner }: ItemProps) {
  const now = useNow()
  const { name, owner, status, resources, lastActive, source } = workspace
  // The first sample comes a moment after the start.
  const alive = status === 'running' && resources.memory > 0
  return (
    <li
      data-item={name}
      tabIndex={-1}
      className="group flex flex-col rounded-xl border border-line bg-surface shadow-elevate transition-colors hover:border-line-strong"
    >
      <div className="px-4 pt-3.5">
        <div className="flex items-start justify-between gap-3">
          <h2 className="min-w-0 truncate text-[0.9375rem] leading-6 font-semibold">
            <Link to="/workspaces/$name" params={{ name }} className="rounded-sm hover:underline">
              {name}
            </Link>
          </h2>
          <StatusBadge status={status} />
        </div>
        <p className="mt-0.5 truncate text-[0.8125rem] text-muted" title={sourceText(source)}>
          {showOwner && <span>{owner} · </span>}
          {sourceText(source)}
        </p>
        <p className="mt-3 line-clamp-2 min-h-10 text-[0.8125rem]">{sentence(reasonText(workspace, now))}</p>
      </div>
      <dl className="mt-2 grid grid-cols-3 gap-2 border-t border-line px-4 py-2.5 text-[0.8125rem] tabular-nums">
        <Fact label="CPU" value={alive ? `${cores(resources.cpu)} cores` : null} />
        <Fact label="Memory" value={alive ? bytes(resources.memory) : null} />
        <Fact label="Storage" value={bytes(resources.storage)} />
      </dl>
      <div className="mt-auto flex items-center gap-2 border-t border-line py-2 pr-2 pl-4">
        <p className="min-w-0 flex-1 truncate text-[0.8125rem] text-muted">
          {lastActive === null ? (
            'Not used yet'
          ) : (
            <>
              <span className="max-[25rem]:hidden">Active </span>
              <RelativeTime at={lastActive} />
            </>
          )}
        </p>
        <OpenButton workspace={workspace} />
        <ActionsMenu workspace={workspace} />
      </div>
    </li>
  )
}

function Fact({ label, value }: { label: string; value: string | null }) {
  return (
    <div className="min-w-0">
      <dt className="text-xs text-muted">{label}</dt>
      <dd className="truncate font-medium">{value ?? <NoValue />}</dd>
    </div>
  )
}

/** In place of a number that only a running workspace has. */
export function NoValue() {
  return (
    <span className="font-normal text-muted">
      <span aria-hidden>–</span>
      <span className="sr-only">none</span>
    </span>
  )
}
