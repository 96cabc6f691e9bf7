import { Link } from '@tanstack/react-router'
import { ChevronDown, ChevronUp } from 'lucide-react'

import type { Workspace } from '@/api/model'
import { RelativeTime } from '@/components/relative-time'
import { StatusBadge } from '@/components/status-badge'
import { cn } from '@/lib/cn'
import { bytes, cores, sentence } from '@/lib/format'
import { useNow } from '@/lib/now'
import { type Column, LARGEST_FIRST, reasonText, sourceText } from '@/lib/workspace'

import { ActionsMenu, OpenButton } from './actions'
import { NoValue } from './card'

export interface Order {
  column: Column
  reversed: boolean
}

interface TableProps {
  workspaces: readonly Workspace[]
  showOwner: boolean
  order: Order
  onOrder: (order: Order) => void
}

export function WorkspaceTable({ workspaces, showOwner, order, onOrder }: TableProps) {
  const header = (column: Column, label: string, className?: string) => (
    <SortHeader column={column} label={label} order={order} onOrder={onOrder} {...(className ? { className } : {})} />
  )
  return (
    <div className="rounded-xl border border-line bg-surface shadow-elevate">
      <table className="w-full table-fixed border-collapse text-[0.8125rem]">
        <thead>
          <tr className="border-b border-line text-left text-xs text-muted">
            {header('name', 'Name', 'pl-4')}
            {showOwner && header('owner', 'Owner', 'w-24 max-lg:hidden')}
            {header('status', 'Status', 'w-32')}
            <th scope="col" className="px-2 font-medium max-lg:hidden">
              Why
            </th>
            {header('cpu', 'CPU', 'w-16 text-right max-md:hidden')}
            {header('memory', 'Memory', 'w-24 text-right')}
            {header('storage', 'Storage', 'w-24 text-right max-md:hidden')}
            {header('lastActive', 'Last active', 'w-32 pl-6 max-md:hidden')}
            <th scope="col" className="w-[12.25rem]">
              <span className="sr-only">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {workspaces.map((workspace) => (
            <Row key={workspace.name} workspace={workspace} showOwner={showOwner} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Row({ workspace, showOwner }: { workspace: Workspace; showOwner: boolean }) {
  const now = useNow()
  const { name, owner, status, resources, lastActive, source } = workspace
  const alive = status === 'running' && resources.memory > 0
  const reason = sentence(reasonText(workspace, now))
  return (
    <tr data-item={name} tabIndex={-1} className="border-b border-line last:border-0 hover:bg-subtle/60">
      <th scope="row" className="py-2 pr-2 pl-4 text-left font-normal">
        <Link
          to="/workspaces/$name"
          params={{ name }}
          className="block w-fit max-w-full truncate rounded-sm text-sm font-medium hover:underline"
        >
          {name}
        </Link>
        <span className="block truncate text-xs text-muted" title={sourceText(source)}>
          {sourceText(source)}
        </span>
      </th>
      {showOwner && <td className="truncate px-2 max-lg:hidden">{owner}</td>}
      <td className="px-2">
        <StatusBadge status={status} />
      </td>
      <td className="px-2 max-lg:hidden">
        <span className="line-clamp-2" title={reason}>
          {reason}
        </span>
      </td>
      <td className="px-2 text-right tabular-nums max-md:hidden">{alive ? cores(resources.cpu) : <NoValue />}</td>
      <td className="px-2 text-right tabular-nums">{alive ? bytes(resources.memory) : <NoValue />}</td>
      <td className="px-2 text-right tabular-nums max-md:hidden">{bytes(resources.storage)}</td>
      <td className="truncate pr-2 pl-6 text-muted max-md:hidden">{lastActive === null ? 'not yet' : <RelativeTime at={lastActive} />}</td>
      <td className="py-1.5 pr-2">
        <div className="flex items-center justify-end gap-1">
          <OpenButton workspace={workspace} quiet />
          <ActionsMenu workspace={workspace} />
        </div>
      </td>
    </tr>
  )
}

interface SortHeaderProps {
  column: Column
  label: string
  order: Order
  onOrder: (order: Order) => void
  className?: string
}

function SortHeader({ column, label, order, onOrder, className }: SortHeaderProps) {
  const active = order.column === column
  const descending = LARGEST_FIRST.has(column) !== (active && order.reversed)
  const Arrow = descending ? ChevronDown : ChevronUp
  return (
    <th
      scope="col"
      aria-sort={active ? (descending ? 'descending' : 'ascending') : 'none'}
      className={cn('h-9 px-2 font-medium', className)}
    >
      <button
        type="button"
        onClick={() => onOrder({ column, reversed: active && !order.reversed })}
        className={cn(
          'group/sort inline-flex items-center gap-1 align-middle rounded-sm font-medium hover:text-ink',
          active && 'text-ink',
          className?.includes('text-right') && 'flex-row-reverse',
        )}
      >
        {label}
        <Arrow aria-hidden className={cn('size-3.5', !active && 'opacity-0 group-hover/sort:opacity-60')} />
      </button>
    </th>
  )
}
