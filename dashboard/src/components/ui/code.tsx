import { Check, Copy } from 'lucide-react'
import { useState } from 'react'

import { cn } from '@/lib/cn'
import { copyText } from '@/lib/clipboard'

import { Button } from './button'
import { toast } from './toast'

interface CopyButtonProps {
  text: string | (() => string)
  label: string
  className?: string
  /** Shows the label beside the icon. */
  wide?: boolean
}

export function CopyButton({ text, label, className, wide = false }: CopyButtonProps) {
  const [copied, setCopied] = useState(false)

  async function copy() {
    if (await copyText(typeof text === 'function' ? text() : text)) {
      setCopied(true)
      window.setTimeout(() => setCopied(false), 1500)
    } else {
      toast.bad('The browser did not allow copying. Select the text and copy it by hand.')
    }
  }

  const Icon = copied ? Check : Copy
  return (
    <Button
      variant={wide ? 'secondary' : 'ghost'}
      size={wide ? 'sm' : 'icon'}
      className={className}
      aria-label={wide ? undefined : label}
      title={wide ? undefined : label}
      onClick={() => void copy()}
    >
      <Icon aria-hidden />
      {wide && (copied ? 'Copied' : label)}
      <span role="status" className="sr-only">
        {copied && !wide ? 'Copied' : ''}
      </span>
    </Button>
  )
}

/** A command to run in a terminal. */
export function Command({ children, className }: { children: string; className?: string }) {
  return (
    <div className={cn('flex items-center gap-2 rounded-lg border border-line bg-term py-1 pr-1 pl-3', className)}>
      <code className="min-w-0 flex-1 py-1 font-mono text-[0.8125rem] break-words">
        <span aria-hidden className="mr-2 text-muted select-none">
          $
        </span>
        {children}
      </code>
      <CopyButton text={children} label="Copy the command" />
    </div>
  )
}

export function Kbd({ children }: { children: string }) {
  return (
    <kbd className="inline-grid h-5 min-w-5 place-items-center rounded-md border border-line bg-subtle px-1.5 font-sans text-[0.6875rem] font-medium text-muted">
      {children}
    </kbd>
  )
}
