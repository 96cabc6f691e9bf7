import type { ComponentProps, ReactNode } from 'react'

import { cn } from '@/lib/cn'

export function Card({ className, ...props }: ComponentProps<'section'>) {
  return <section className={cn('rounded-xl border border-line bg-surface shadow-elevate', className)} {...props} />
}

interface PanelProps {
  title: ReactNode
  description?: ReactNode
  action?: ReactNode
  children?: ReactNode
  className?: string
}

/** A card with a heading. */
export function Panel({ title, description, action, children, className }: PanelProps) {
  return (
    <Card className={className}>
      <div className={cn('flex flex-wrap items-start justify-between gap-x-4 gap-y-2 px-5 pt-4', !children && 'pb-4')}>
        <div className="min-w-0">
          <h2 className="text-[0.9375rem] font-semibold">{title}</h2>
          {description && <p className="mt-0.5 max-w-prose text-muted">{description}</p>}
        </div>
        {action}
      </div>
      {children && <div className="px-5 pt-3 pb-5">{children}</div>}
    </Card>
  )
}
