import { cva, type VariantProps } from 'class-variance-authority'
import type { ComponentProps } from 'react'

import { cn } from '@/lib/cn'

export const buttonStyle = cva(
  'inline-flex shrink-0 items-center justify-center gap-2 rounded-lg font-medium whitespace-nowrap transition-colors select-none disabled:pointer-events-none disabled:opacity-50 aria-disabled:pointer-events-none aria-disabled:opacity-50 [&_svg]:size-4 [&_svg]:shrink-0',
  {
    variants: {
      variant: {
        primary: 'bg-accent text-white shadow-elevate hover:bg-accent-hover',
        secondary: 'border border-line bg-surface text-ink shadow-elevate hover:bg-subtle',
        soft: 'bg-accent-soft text-accent-ink hover:bg-accent hover:text-white',
        ghost: 'text-muted hover:bg-subtle hover:text-ink',
        danger: 'bg-bad-solid text-white shadow-elevate hover:brightness-95',
        quietDanger: 'border border-line bg-surface text-bad shadow-elevate hover:bg-bad-soft',
      },
      size: {
        sm: 'h-8 px-3 text-[0.8125rem]',
        md: 'h-9 px-3.5',
        icon: 'size-8',
      },
    },
    defaultVariants: { variant: 'secondary', size: 'md' },
  },
)

type ButtonStyle = VariantProps<typeof buttonStyle>

export interface ButtonProps extends ComponentProps<'button'>, ButtonStyle {
  /** Shows that its work is under way, and takes no second click. */
  busy?: boolean
}

export function Button({ className, variant, size, busy = false, type = 'button', disabled, ...props }: ButtonProps) {
  return (
    <button
      type={type}
      className={cn(buttonStyle({ variant, size }), busy && 'cursor-progress', className)}
      disabled={disabled === true || busy}
      aria-busy={busy || undefined}
      {...props}
    />
  )
}
