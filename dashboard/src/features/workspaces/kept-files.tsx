import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { ChevronRight } from 'lucide-react'
import { lazy, Suspense, useState } from 'react'

import { explain } from '@/api/errors'
import type { Workspace } from '@/api/model'
import { keptQuery, meQuery, useBringBack } from '@/api/queries'
import { Button } from '@/components/ui/button'
import { Card } from '@/components/ui/card'
import { toast } from '@/components/ui/toast'
import { bytes, sentence } from '@/lib/format'

const PurgeDialog = lazy(() => import('./purge-dialog'))

/** What deleted workspaces left; nothing, if they left nothing. */
export function KeptFiles() {
  const { data } = useQuery(keptQuery)
  const { data: me } = useQuery(meQuery)
  const [purging, setPurging] = useState<Workspace | null>(null)
  if (!data || data.length === 0) return null
  return (
    <>
      <Card className="mt-6" aria-label="Kept files">
        <details className="group">
          <summary className="flex cursor-pointer list-none items-center gap-2 rounded-xl px-4 py-3 font-medium [&::-webkit-details-marker]:hidden">
            <ChevronRight aria-hidden className="size-4 text-muted transition-transform group-open:rotate-90" />
            Kept files ({data.length})
          </summary>
          <p className="px-4 pb-3 text-[0.8125rem] text-muted">
            Of workspaces that were deleted without their files. They take room until they are deleted for good.
          </p>
          <ul className="divide-y divide-line border-t border-line">
            {data.map((each) => (
              <KeptRow
                key={each.id}
                kept={each}
                showOwner={me?.user.role === 'admin'}
                onPurge={() => setPurging(each)}
              />
            ))}
          </ul>
        </details>
      </Card>
      {purging && (
        <Suspense>
          <PurgeDialog kept={purging} onClose={() => setPurging(null)} />
        </Suspense>
      )}
    </>
  )
}

interface KeptRowProps {
  kept: Workspace
  showOwner: boolean
  onPurge: () => void
}

function KeptRow({ kept, showOwner, onPurge }: KeptRowProps) {
  const navigate = useNavigate()
  const bringBack = useBringBack({
    onDone: () => void navigate({ to: '/workspaces/$name/log', params: { name: kept.name } }),
  })
  const { name, owner, resources, reason } = kept
  const whose = showOwner ? ` of ${owner}` : ''

  function restore() {
    bringBack.mutate(kept, { onError: (error) => toast.bad(explain(error)) })
  }

  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-2 py-2.5 pr-3 pl-4">
      <div className="min-w-0 flex-1 basis-48">
        <p className="truncate font-medium">{name}</p>
        <p className="text-[0.8125rem] text-muted tabular-nums">
          {showOwner && `${owner} · `}
          {bytes(resources.storage)} · {sentence(reason)}
        </p>
      </div>
      <div className="flex gap-1">
        <Button size="sm" busy={bringBack.isPending} onClick={restore} aria-label={`Bring back ${name}${whose}`}>
          Bring back
        </Button>
        <Button size="sm" variant="ghost" onClick={onPurge} aria-label={`Delete for good: the kept files of ${name}${whose}`}>
          Delete for good…
        </Button>
      </div>
    </li>
  )
}
