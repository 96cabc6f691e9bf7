import type { LucideIcon } from 'lucide-react'
import { type ReactNode, useId } from 'react'

import { cn } from '@/lib/cn'

export interface Choice<T extends string> {
  value: T
  label: ReactNode
  icon?: LucideIcon
  /** Read by screen readers in place of the label. */
  name?: string
}

interface SegmentedProps<T extends string> {
  legend: string
  /** Whether the legend is on the screen; it is always read out. */
  showLegend?: boolean
  value: T
  choices: readonly Choice<T>[]
  onChange: (value: T) => void
  className?: string
}

/** One choice of a few: native radio buttons (arrow keys work) that look like one control. */
export function Segmented<T extends string>({ legend, showLegend = false, value, choices, onChange, className }: SegmentedProps<T>) {
  const group = useId()
  return (
    <fieldset className={className}>
      <legend className={showLegend ? 'mb-1.5 text-[0.8125rem] font-medium' : 'sr-only'}>{legend}</legend>
      <div className="flex w-full gap-0.5 rounded-lg border border-line bg-subtle p-0.5">
        {choices.map(({ value: each, label, icon: Icon, name }) => (
          <label
            key={each}
            className={cn(
              'relative flex h-[1.875rem] flex-1 items-center justify-center gap-1.5 rounded-md px-2.5 text-[0.8125rem] font-medium whitespace-nowrap text-muted transition-colors select-none hover:text-ink has-focus-visible:outline-2 has-focus-visible:outline-accent-ink [&_svg]:size-4',
              each === value && 'bg-surface text-ink shadow-elevate dark:bg-line',
            )}
          >
            <input
              type="radio"
              name={group}
              value={each}
              checked={each === value}
              onChange={() => onChange(each)}
              className="absolute inset-0 cursor-pointer opacity-0"
              {...(name === undefined ? {} : { 'aria-label': name })}
            />
            {Icon && <Icon aria-hidden />}
            {label}
          </label>
        ))}
      </div>
    </fieldset>
  )
}
