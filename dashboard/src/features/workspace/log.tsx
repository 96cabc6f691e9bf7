import { ArrowDownToLine, ArrowUpRight, Pause } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'

import type { Workspace } from '@/api/model'
import { Button, buttonStyle } from '@/components/ui/button'
import { Card } from '@/components/ui/card'
import { CopyButton } from '@/components/ui/code'
import { Notice } from '@/components/ui/notice'
import { useRun } from '@/features/workspaces/actions'
import { cn } from '@/lib/cn'
import { timeOfDay } from '@/lib/format'

import { useLog } from './log-stream'
import { useShownWorkspace } from './page'

export function LogTab() {
  const workspace = useShownWorkspace()
  const { run, isPending } = useRun()
  const { name, status, reason, url } = workspace
  // Whether it became ready while this page looked on: then the way in is offered.
  const [sawStart, setSawStart] = useState(false)
  const moving = status === 'pending' || status === 'starting'
  if (moving && !sawStart) setSawStart(true)

  return (
    <div className="space-y-4">
      {sawStart && status === 'running' && (
        <Notice
          tone="ok"
          role="status"
          title={`${name} is ready`}
          action={
            <a href={url} target="_blank" rel="noopener" className={buttonStyle({ variant: 'primary', size: 'sm' })}>
              Open it
              <ArrowUpRight aria-hidden />
            </a>
          }
        />
      )}
      {status === 'failed' && (
        <Notice
          tone="bad"
          role="alert"
          title={`${name} failed`}
          action={
            <Button size="sm" busy={isPending} onClick={() => run(name, 'start')}>
              Start again
            </Button>
          }
        >
          {reason}
        </Notice>
      )}
      <LogView workspace={workspace} />
    </div>
  )
}

/** Pixels from the end within which the view still follows the log. */
const NEAR_END = 24

export function LogView({ workspace, compact = false }: { workspace: Workspace; compact?: boolean }) {
  const { name, status } = workspace
  const starting = status === 'pending' || status === 'starting'
  // One log a start: the next begins when it starts to move again.
  const [starts, setStarts] = useState({ count: 0, starting })
  if (starts.starting !== starting) setStarts({ count: starts.count + (starting ? 1 : 0), starting })
  const { lines, connected } = useLog(name, String(starts.count))
  const [following, setFollowing] = useState(true)
  const box = useRef<HTMLDivElement>(null)

  useEffect(() => {
    if (following && box.current) box.current.scrollTop = box.current.scrollHeight
  }, [lines, following])

  function onScroll() {
    if (!box.current) return
    const { scrollHeight, scrollTop, clientHeight } = box.current
    setFollowing(scrollHeight - scrollTop - clientHeight < NEAR_END)
  }

  return (
    <Card aria-label="Start log" className="overflow-hidden">
      <div className="flex h-11 items-center gap-2 border-b border-line pr-1.5 pl-4">
        <h2 className="text-[0.8125rem] font-medium">Start log</h2>
        <p role="status" className="mr-auto text-[0.8125rem] text-muted">
          {connected ? (starting ? 'live' : '') : 'connecting…'}
        </p>
        <Button
          variant="ghost"
          size="sm"
          aria-pressed={following}
          onClick={() => setFollowing(!following)}
          title={following ? 'Stop scrolling along' : 'Scroll along with new lines'}
        >
          {following ? <Pause aria-hidden /> : <ArrowDownToLine aria-hidden />}
          {following ? 'Pause' : 'Follow'}
        </Button>
        <CopyButton text={() => lines.map(({ text }) => text).join('\n')} label="Copy the log" />
      </div>
      <div
        ref={box}
        onScroll={onScroll}
        role="log"
        aria-label={`Start log of ${name}`}
        aria-live={starting ? 'polite' : 'off'}
        // Focusable, so that the arrow keys scroll it.
        tabIndex={0}
        className={cn(
          'overflow-auto bg-term py-2 font-mono text-xs leading-5 -outline-offset-2',
          compact ? 'h-56' : 'h-[max(16rem,calc(100dvh-25.5rem))]',
        )}
      >
        {lines.length === 0 ? (
          <p className="px-4 text-muted">{connected ? 'Nothing is written yet. It has not been started, or has just begun.' : ''}</p>
        ) : (
          <ol>
            {lines.map(({ number, at, text }) => (
              <li key={number} className="flex gap-4 px-4 hover:bg-subtle/70">
                <time dateTime={at} className="shrink-0 text-muted tabular-nums select-none max-sm:hidden">
                  {timeOfDay(at)}
                </time>
                <span className="min-w-0 break-words whitespace-pre-wrap">{text || ' '}</span>
              </li>
            ))}
          </ol>
        )}
      </div>
    </Card>
  )
}
