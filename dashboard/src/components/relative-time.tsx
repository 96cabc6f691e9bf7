import { ago, dateTime } from '@/lib/format'
import { useNow } from '@/lib/now'

export function RelativeTime({ at }: { at: string }) {
  const now = useNow()
  return (
    <time dateTime={at} title={dateTime(at)} className="tabular-nums">
      {ago(at, now)}
    </time>
  )
}
