import { CirclePlay, CircleStop, LoaderCircle, type LucideIcon, OctagonAlert } from 'lucide-react'

import type { Status } from '@/api/model'
import { cn } from '@/lib/cn'

interface Look {
  word: string
  icon: LucideIcon
  style: string
  /** Colour of the icon, where it isn't that of the word. */
  mark?: string
  moving?: boolean
}

const LOOKS: Record<Status, Look> = {
  running: { word: 'Running', icon: CirclePlay, style: 'bg-ok-soft text-ok' },
  pending: { word: 'Pending', icon: LoaderCircle, style: 'bg-warn-soft text-warn', moving: true },
  starting: { word: 'Starting', icon: LoaderCircle, style: 'bg-warn-soft text-warn', moving: true },
  stopping: { word: 'Stopping', icon: LoaderCircle, style: 'bg-warn-soft text-warn', moving: true },
  stopped: { word: 'Stopped', icon: CircleStop, style: 'bg-subtle text-muted', mark: 'text-bad-mark' },
  failed: { word: 'Failed', icon: OctagonAlert, style: 'bg-bad-solid text-white' },
}

export function statusWord(status: Status): string {
  return LOOKS[status].word
}

/** The status as colour, icon and word. */
export function StatusBadge({ status, className }: { status: Status; className?: string }) {
  const { word, icon: Icon, style, mark, moving = false } = LOOKS[status]
  return (
    <span
      className={cn('inline-flex h-6 shrink-0 items-center gap-1.5 rounded-full pr-2.5 pl-2 text-xs font-medium', style, className)}
    >
      <Icon aria-hidden className={cn('size-3.5', mark, moving && 'motion-safe:animate-spin')} />
      {word}
    </span>
  )
}
