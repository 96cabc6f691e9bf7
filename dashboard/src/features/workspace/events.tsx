import { useQuery } from '@tanstack/react-query'
import {
  CircleAlert,
  CircleDot,
  CirclePlay,
  CirclePlus,
  CircleStop,
  LoaderCircle,
  type LucideIcon,
  OctagonAlert,
  TriangleAlert,
} from 'lucide-react'

import { explain } from '@/api/errors'
import type { WorkspaceEvent } from '@/api/model'
import { eventsQuery } from '@/api/queries'
import { RelativeTime } from '@/components/relative-time'
import { Card } from '@/components/ui/card'
import { Notice } from '@/components/ui/notice'
import { Skeleton } from '@/components/ui/skeleton'
import { cn } from '@/lib/cn'
import { dateTime } from '@/lib/format'

import { useShownWorkspace } from './page'

const LOOKS: Record<string, [LucideIcon, string]> = {
  created: [CirclePlus, 'text-accent-ink'],
  starting: [LoaderCircle, 'text-warn'],
  stopping: [LoaderCircle, 'text-warn'],
  running: [CirclePlay, 'text-ok'],
  stopped: [CircleStop, 'text-muted'],
  crashed: [CircleAlert, 'text-bad'],
  failed: [OctagonAlert, 'text-bad'],
  extension_failed: [TriangleAlert, 'text-warn'],
}

/** `extension_failed` as `Extension failed`. */
function kindText(kind: string): string {
  const words = kind.replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

export function EventsTab() {
  const { name } = useShownWorkspace()
  const { data, error } = useQuery(eventsQuery(name))
  if (error) {
    return (
      <Notice tone="bad" role="alert" title="The events can't be shown">
        {explain(error)}
      </Notice>
    )
  }
  if (!data) return <Skeleton className="h-64 rounded-xl" />
  if (data.length === 0) return <Notice>Nothing has happened yet. Starts, stops and crashes are kept here.</Notice>
  return (
    <Card aria-label="Events">
      <ol className="divide-y divide-line">
        {data.map((event, index) => (
          <EventRow key={`${event.at} ${event.kind} ${index}`} event={event} />
        ))}
      </ol>
    </Card>
  )
}

function EventRow({ event }: { event: WorkspaceEvent }) {
  const [Icon, style] = LOOKS[event.kind] ?? [CircleDot, 'text-muted']
  return (
    <li className="flex items-start gap-3 px-4 py-2.5 sm:px-5">
      <Icon aria-hidden className={cn('mt-0.5 size-4 shrink-0', style)} />
      <div className="flex min-w-0 flex-1 flex-wrap items-baseline gap-x-4">
        <p className="min-w-0 flex-1 basis-56 break-words">
          <span className="font-medium">{kindText(event.kind)}</span>
          <span className="block text-[0.8125rem] text-muted">{event.message}</span>
        </p>
        <p className="text-[0.8125rem] text-muted" title={dateTime(event.at)}>
          <RelativeTime at={event.at} />
        </p>
      </div>
    </li>
  )
}
