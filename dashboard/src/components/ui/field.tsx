import { CircleAlert } from 'lucide-react'
import { type ComponentProps, type ReactNode, useId } from 'react'

import { cn } from '@/lib/cn'

const CONTROL =
  'w-full rounded-lg border border-line-strong bg-surface text-ink shadow-elevate transition-colors placeholder:text-muted hover:border-muted focus-visible:border-accent-ink focus-visible:outline-1 focus-visible:outline-offset-0 aria-invalid:border-bad-mark disabled:opacity-60 dark:bg-bg'

export function Input({ className, ...props }: ComponentProps<'input'>) {
  return <input className={cn(CONTROL, 'h-9 px-3 text-base sm:text-sm', className)} {...props} />
}

export function Select({ className, ...props }: ComponentProps<'select'>) {
  return <select className={cn(CONTROL, 'h-9 px-2.5 text-base sm:text-sm', className)} {...props} />
}

interface FieldProps {
  label: ReactNode
  hint?: ReactNode
  error?: string | null | undefined
  optional?: boolean
  /** Receives the attributes that tie the control to its label, hint and error. */
  children: (control: { id: string; 'aria-describedby': string | undefined; 'aria-invalid': boolean | undefined }) => ReactNode
}

/** A label, its control, a hint, and in the hint's place what is wrong. */
export function Field({ label, hint, error, optional = false, children }: FieldProps) {
  const id = useId()
  const note = `${id}-note`
  const described = error || hint ? note : undefined
  return (
    <div>
      <label htmlFor={id} className="mb-1.5 flex items-baseline gap-1.5 text-[0.8125rem] font-medium">
        {label}
        {optional && <span className="font-normal text-muted">optional</span>}
      </label>
      {children({ id, 'aria-describedby': described, 'aria-invalid': error ? true : undefined })}
      {/* Always there, so that an error is announced when it comes. */}
      <div id={note} aria-live="polite" className="text-[0.8125rem]">
        {error ? (
          <p className="mt-1.5 flex gap-1.5 text-bad">
            <CircleAlert aria-hidden className="mt-0.5 size-3.5 shrink-0" />
            <span className="min-w-0 break-words">{error}</span>
          </p>
        ) : (
          hint && <p className="mt-1.5 break-words text-muted">{hint}</p>
        )}
      </div>
    </div>
  )
}

interface CheckboxProps extends Omit<ComponentProps<'input'>, 'type'> {
  label: ReactNode
  hint?: ReactNode
}

export function Checkbox({ label, hint, className, ...props }: CheckboxProps) {
  const id = useId()
  return (
    <div className={cn('flex gap-2.5', className)}>
      <input
        id={id}
        type="checkbox"
        className="mt-0.5 size-4 shrink-0 accent-accent"
        {...(hint ? { 'aria-describedby': `${id}-hint` } : {})}
        {...props}
      />
      <div className="min-w-0">
        <label htmlFor={id} className="font-medium">
          {label}
        </label>
        {hint && (
          <p id={`${id}-hint`} className="mt-0.5 text-[0.8125rem] text-muted">
            {hint}
          </p>
        )}
      </div>
    </div>
  )
}
