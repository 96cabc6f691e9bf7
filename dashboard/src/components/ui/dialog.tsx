import * as Radix from '@radix-ui/react-dialog'
import { X } from 'lucide-react'
import { type ReactNode, useEffect, useState } from 'react'

import { cn } from '@/lib/cn'

import { buttonStyle } from './button'

interface DialogProps {
  open: boolean
  onClose: () => void
  title: string
  description?: ReactNode
  children: ReactNode
  /** `page` fills a phone's screen. */
  size?: 'sm' | 'page'
  role?: 'dialog' | 'alertdialog'
}

/**
 * A modal dialog.
 *
 * Radix's own Overlay is left out on purpose: it injects a <style> element, which the Content-Security-Policy forbids.
 * The backdrop is a plain element and styles.css locks the scrolling.
 */
export function Dialog({ open, onClose, title, description, children, size = 'sm', role = 'dialog' }: DialogProps) {
  const [opener] = useState(findOpener)
  useInertPage()
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <div
          data-modal="open"
          className={cn(
            'fixed inset-0 z-40 grid animate-fade overflow-y-auto bg-overlay',
            size === 'page' ? 'sm:place-items-start sm:justify-items-center sm:px-4 sm:pt-[7vh]' : 'place-items-center p-4',
          )}
        >
          <Radix.Content
            role={role}
            aria-modal
            onCloseAutoFocus={(event) => {
              // Radix gives the focus back to a trigger, and our dialogs are opened by state.
              event.preventDefault()
              const target = opener?.isConnected ? opener : document.getElementById('content')
              target?.focus({ preventScroll: true })
            }}
            {...(description ? {} : { 'aria-describedby': undefined })}
            className={cn(
              'relative w-full animate-enter border-line bg-raised shadow-float outline-none',
              size === 'page' ? 'min-h-full sm:mb-[7vh] sm:min-h-0 sm:max-w-xl sm:rounded-2xl sm:border' : 'max-w-md rounded-2xl border',
            )}
          >
            <div className="px-5 pt-5 sm:px-6">
              <Radix.Title className="pr-10 text-base font-semibold">{title}</Radix.Title>
              {description && <Radix.Description className="mt-1 text-muted">{description}</Radix.Description>}
            </div>
            {children}
            <Radix.Close
              aria-label="Close"
              className={cn(buttonStyle({ variant: 'ghost', size: 'icon' }), 'absolute top-3.5 right-3.5')}
            >
              <X aria-hidden />
            </Radix.Close>
          </Radix.Content>
        </div>
      </Radix.Portal>
    </Radix.Root>
  )
}

/** Takes the page behind out of reach; Radix itself hides it from screen readers only. */
function useInertPage(): void {
  useEffect(() => {
    const page = document.getElementById('root')
    page?.toggleAttribute('inert', true)
    return () => {
      page?.toggleAttribute('inert', false)
    }
  }, [])
}

/** What had the focus before the dialog; for an item of a menu, which is gone by then, the menu's button. */
function findOpener(): HTMLElement | null {
  const focused = document.activeElement
  const button = focused?.closest('[role="menu"]')?.getAttribute('aria-labelledby')
  const opener = button ? document.getElementById(button) : focused
  return opener instanceof HTMLElement && opener !== document.body ? opener : null
}

export function DialogBody({ children, className }: { children: ReactNode; className?: string }) {
  return <div className={cn('px-5 py-4 sm:px-6', className)}>{children}</div>
}

interface DialogFooterProps {
  children: ReactNode
  /** Stays in sight while a long form is scrolled. */
  sticky?: boolean
}

export function DialogFooter({ children, sticky = false }: DialogFooterProps) {
  return (
    <div
      className={cn(
        'flex flex-wrap justify-end gap-2 px-5 pb-5 sm:px-6',
        sticky && 'sticky bottom-0 rounded-b-2xl border-t border-line bg-raised pt-3.5 pb-3.5',
      )}
    >
      {children}
    </div>
  )
}
