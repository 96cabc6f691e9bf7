import { useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { LayoutGrid, Plus, Rows3, Search } from 'lucide-react'
import { type KeyboardEvent, lazy, Suspense, useDeferredValue, useRef, useState } from 'react'

import { explain } from '@/api/errors'
import type { Workspace } from '@/api/model'
import { meQuery, workspacesQuery } from '@/api/queries'
import { Button } from '@/components/ui/button'
import { Segmented } from '@/components/ui/choice'
import { Input, Select } from '@/components/ui/field'
import { Notice } from '@/components/ui/notice'
import { Skeleton } from '@/components/ui/skeleton'
import { useMedia } from '@/lib/media'
import { readPreference, writePreference } from '@/lib/storage'
import { useTitle } from '@/lib/title'
import { type Filter, filterOf, inOrder, matches } from '@/lib/workspace'

import { useOpen } from './actions'
import { WorkspaceCard } from './card'
import { EmptyState } from './empty-state'
import { KeptFiles } from './kept-files'
import { type Order, WorkspaceTable } from './table'

const CreateDialog = lazy(() => import('@/features/create/create-dialog'))
const route = getRouteApi('/app/')

/** From this number on, rows serve better than cards until somebody chooses. */
const MANY = 10

type View = 'cards' | 'table'

export function ListPage() {
  useTitle('Workspaces')
  const search = route.useSearch()
  const navigate = useNavigate()
  const { data, error, refetch, isFetching } = useQuery(workspacesQuery)

  return (
    <>
      {data ? (
        <>
          {data.length === 0 ? <EmptyState /> : <WorkspaceList workspaces={data} />}
          <KeptFiles />
        </>
      ) : error ? (
        <>
          <h1 className="mb-5 text-xl font-semibold tracking-tight">Workspaces</h1>
          <Notice
            tone="bad"
            role="alert"
            title="They can't be shown"
            action={
              <Button size="sm" busy={isFetching} onClick={() => void refetch()}>
                Try again
              </Button>
            }
          >
            {explain(error)}
          </Notice>
        </>
      ) : (
        <ListSkeleton />
      )}
      {search.new && (
        <Suspense>
          <CreateDialog search={search} onClose={() => void navigate({ to: '/', search: {}, replace: true })} />
        </Suspense>
      )}
    </>
  )
}

function WorkspaceList({ workspaces }: { workspaces: readonly Workspace[] }) {
  const { data: me } = useQuery(meQuery)
  const navigate = useNavigate()
  const open = useOpen()
  const phone = useMedia('(width < 40rem)')
  const [search, setSearch] = useState('')
  const [filter, setFilter] = useState<Filter>('all')
  const [order, setOrder] = useState<Order>({ column: 'name', reversed: false })
  const [chosen, setChosen] = useState(() => readPreference('view') as View | null)
  const root = useRef<HTMLDivElement>(null)

  const view = phone ? 'cards' : (chosen ?? (workspaces.length >= MANY ? 'table' : 'cards'))
  const words = useDeferredValue(search.trim())
  const found = workspaces.filter((each) => matches(each, words))
  const shown = inOrder(
    found.filter((each) => filter === 'all' || filterOf(each) === filter),
    order.column,
    order.reversed,
  )
  const count = (wanted: Filter) => found.filter((each) => wanted === 'all' || filterOf(each) === wanted).length
  const showOwner = workspaces.some((each) => each.owner !== me?.user.id)

  /** Arrow keys walk through the workspaces, Enter opens the one that has the focus (or the first one found). */
  function onKey(event: KeyboardEvent) {
    const inSearch = event.target instanceof HTMLInputElement && event.target.type === 'search'
    const item = event.target instanceof HTMLElement ? event.target.closest<HTMLElement>('[data-item]') : null
    if (!inSearch && !item) return
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      const items = [...(root.current?.querySelectorAll<HTMLElement>('[data-item]') ?? [])]
      const next = items[(item ? items.indexOf(item) : -1) + (event.key === 'ArrowDown' ? 1 : -1)]
      event.preventDefault()
      if (next) next.focus()
      else if (event.key === 'ArrowUp') root.current?.querySelector<HTMLInputElement>('[type="search"]')?.focus()
    } else if (event.key === 'Enter' && (inSearch || event.target === item)) {
      const workspace = inSearch ? (words ? shown[0] : undefined) : workspaces.find((each) => each.name === item?.dataset.item)
      if (workspace && !open(workspace)) void navigate({ to: '/workspaces/$name/log', params: { name: workspace.name } })
    }
  }

  return (
    <div ref={root} onKeyDown={onKey}>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-3">
        <h1 className="mr-auto text-xl font-semibold tracking-tight">Workspaces</h1>
        <Button variant="primary" onClick={() => void navigate({ to: '/', search: { new: 'blank' } })}>
          <Plus aria-hidden />
          New workspace
        </Button>
      </div>
      <div className="mt-4 mb-4 flex flex-wrap items-center gap-2">
        <div className="relative min-w-0 flex-1 basis-36 sm:max-w-xs">
          <Search aria-hidden className="pointer-events-none absolute top-2.5 left-3 size-4 text-muted" />
          <Input
            type="search"
            data-search
            aria-label="Search workspaces"
            placeholder="Search"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
            className="pl-9"
          />
        </div>
        <Select
          aria-label="Show"
          value={filter}
          onChange={(event) => setFilter(event.target.value as Filter)}
          className="w-auto min-w-36 tabular-nums"
        >
          <option value="all">All ({count('all')})</option>
          <option value="running">Running ({count('running')})</option>
          <option value="stopped">Stopped ({count('stopped')})</option>
          <option value="failed">Failed ({count('failed')})</option>
        </Select>
        {!phone && (
          <Segmented
            legend="View"
            className="ml-auto"
            value={view}
            choices={[
              { value: 'cards', label: '', icon: LayoutGrid, name: 'Cards' },
              { value: 'table', label: '', icon: Rows3, name: 'Table' },
            ]}
            onChange={(next) => {
              setChosen(next)
              writePreference('view', next)
            }}
          />
        )}
      </div>
      <p role="status" className="sr-only">
        {words || filter !== 'all' ? `${shown.length} of ${workspaces.length} workspaces shown` : ''}
      </p>
      {shown.length === 0 ? (
        <div className="rounded-xl border border-dashed border-line px-4 py-14 text-center">
          <p className="font-medium">No workspace matches</p>
          <p className="mt-1 text-muted">Search in names, owners, sources and reasons.</p>
          <Button
            size="sm"
            className="mt-4"
            onClick={() => {
              setSearch('')
              setFilter('all')
            }}
          >
            Show all {workspaces.length}
          </Button>
        </div>
      ) : view === 'table' ? (
        <WorkspaceTable workspaces={shown} showOwner={showOwner} order={order} onOrder={setOrder} />
      ) : (
        <ul className="grid grid-cols-1 gap-3 sm:grid-cols-2 lg:grid-cols-3">
          {shown.map((each) => (
            <WorkspaceCard key={each.name} workspace={each} showOwner={showOwner} />
          ))}
        </ul>
      )}
    </div>
  )
}

/** The same frame as the list, so that nothing moves when it comes. */
export function ListSkeleton() {
  return (
    <div aria-busy="true">
      <p role="status" className="sr-only">
        Loading workspaces
      </p>
      <div className="flex h-9 items-center justify-between">
        <h1 className="text-xl font-semibold tracking-tight">Workspaces</h1>
        <Skeleton className="h-9 w-40" />
      </div>
      <div className="my-4 flex gap-2">
        <Skeleton className="h-9 max-w-xs flex-1" />
        <Skeleton className="h-9 w-36" />
      </div>
      <div className="grid gap-3 sm:grid-cols-2 lg:grid-cols-3">
        {[0, 1, 2].map((each) => (
          <Skeleton key={each} className="h-[13.5rem] rounded-xl" />
        ))}
      </div>
    </div>
  )
}
