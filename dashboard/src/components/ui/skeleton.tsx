import { cn } from '@/lib/cn'

/** Holds the place of what is being loaded; give it that thing's size. */
export function Skeleton({ className }: { className?: string }) {
  return <span aria-hidden className={cn('block animate-shimmer rounded-md bg-subtle', className)} />
}
