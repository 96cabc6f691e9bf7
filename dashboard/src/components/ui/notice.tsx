import { CircleAlert, CircleCheck, Info, type LucideIcon, TriangleAlert } from 'lucide-react'
import type { ReactNode } from 'react'

import { cn } from '@/lib/cn'

type Tone = 'info' | 'ok' | 'warn' | 'bad'

const TONES: Record<Tone, { icon: LucideIcon; box: string; mark: string }> = {
  info: { icon: Info, box: 'border-line bg-subtle', mark: 'text-muted' },
  ok: { icon: CircleCheck, box: 'border-ok-mark/30 bg-ok-soft', mark: 'text-ok' },
  warn: { icon: TriangleAlert, box: 'border-warn-mark/40 bg-warn-soft', mark: 'text-warn' },
  bad: { icon: CircleAlert, box: 'border-bad-mark/30 bg-bad-soft', mark: 'text-bad' },
}

interface NoticeProps {
  tone?: Tone
  title?: ReactNode
  children?: ReactNode
  action?: ReactNode
  /** `alert` for what went wrong just now. */
  role?: 'alert' | 'status'
  className?: string
}

export function Notice({ tone = 'info', title, children, action, role, className }: NoticeProps) {
  const { icon: Icon, box, mark } = TONES[tone]
  return (
    <div role={role} className={cn('flex flex-wrap items-start gap-x-4 gap-y-2 rounded-xl border px-4 py-3', box, className)}>
      <div className="flex min-w-0 flex-1 basis-60 gap-2.5">
        <Icon aria-hidden className={cn('mt-0.5 size-4 shrink-0', mark)} />
        <div className="min-w-0 break-words">
          {title && <p className="font-medium">{title}</p>}
          {children && <div className={cn(title ? 'mt-0.5 text-[0.8125rem]' : '')}>{children}</div>}
        </div>
      </div>
      {action}
    </div>
  )
}
