import { CircleAlert, CircleCheck, X } from 'lucide-react'
import { createPortal } from 'react-dom'

import { cn } from '@/lib/cn'
import { createStore, useStore } from '@/lib/store'

interface Toast {
  id: number
  tone: 'ok' | 'bad'
  text: string
}

const toasts = createStore<readonly Toast[]>([])
let lastId = 0

function show(tone: Toast['tone'], text: string, milliseconds: number): void {
  lastId += 1
  const id = lastId
  toasts.set([...toasts.get().filter((each) => each.text !== text).slice(-2), { id, tone, text }])
  window.setTimeout(() => dismiss(id), milliseconds)
}

function dismiss(id: number): void {
  toasts.set(toasts.get().filter((each) => each.id !== id))
}

export const toast = {
  ok: (text: string) => show('ok', text, 5000),
  /** Stays longer: it has to be read and acted on. */
  bad: (text: string) => show('bad', text, 12_000),
}

/** Short messages at the bottom of the page, read out politely. */
export function Toaster() {
  const items = useStore(toasts)
  // Outside of the page, which is inert while a dialog is open.
  return createPortal(
    <div
      aria-live="polite"
      role="status"
      className="pointer-events-none fixed inset-x-4 bottom-4 z-50 flex flex-col items-center gap-2 sm:left-auto sm:items-end"
    >
      {items.map(({ id, tone, text }) => (
        <div
          key={id}
          className="pointer-events-auto flex w-full max-w-sm animate-enter items-start gap-2.5 rounded-xl border border-line bg-raised py-2.5 pr-1.5 pl-3.5 shadow-float"
        >
          {tone === 'ok' ? (
            <CircleCheck aria-hidden className="mt-1 size-4 shrink-0 text-ok" />
          ) : (
            <CircleAlert aria-hidden className="mt-1 size-4 shrink-0 text-bad" />
          )}
          <p className={cn('min-w-0 flex-1 py-0.5 break-words')}>{text}</p>
          <button
            type="button"
            aria-label="Dismiss"
            onClick={() => dismiss(id)}
            className="grid size-7 shrink-0 place-items-center rounded-lg text-muted hover:bg-subtle hover:text-ink"
          >
            <X aria-hidden className="size-4" />
          </button>
        </div>
      ))}
    </div>,
    document.body,
  )
}
