import * as Radix from '@radix-ui/react-dropdown-menu'
import type { LucideIcon } from 'lucide-react'
import type { ComponentProps, ReactNode } from 'react'

import { cn } from '@/lib/cn'

interface MenuProps {
  trigger: ReactNode
  children: ReactNode
  label?: string
}

/** A menu under a button. Not modal: the modal one of Radix injects a <style> element, which our policy forbids. */
export function Menu({ trigger, children, label }: MenuProps) {
  return (
    <Radix.Root modal={false}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      {/* In the page's main part rather than after it: all content belongs to a landmark. */}
      <Radix.Portal container={document.getElementById('content')}>
        <Radix.Content
          align="end"
          sideOffset={6}
          collisionPadding={8}
          {...(label === undefined ? {} : { 'aria-label': label })}
          className="z-50 min-w-44 animate-enter rounded-xl border border-line bg-raised p-1 shadow-float"
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

interface MenuItemProps extends ComponentProps<typeof Radix.Item> {
  icon?: LucideIcon
  danger?: boolean
}

export function MenuItem({ icon: Icon, danger = false, className, children, asChild, ...props }: MenuItemProps) {
  const style = cn(
    'flex h-8 items-center gap-2.5 rounded-lg px-2.5 text-[0.8125rem] outline-none select-none data-[disabled]:pointer-events-none data-[disabled]:opacity-45 data-[highlighted]:bg-subtle [&_svg]:size-4 [&_svg]:text-muted',
    danger && 'text-bad data-[highlighted]:bg-bad-soft [&_svg]:text-bad',
    className,
  )
  if (asChild) {
    return (
      <Radix.Item asChild className={style} {...props}>
        {children}
      </Radix.Item>
    )
  }
  return (
    <Radix.Item className={style} {...props}>
      {Icon && <Icon aria-hidden />}
      {children}
    </Radix.Item>
  )
}

export function MenuRadioGroup({ label, children, ...props }: ComponentProps<typeof Radix.RadioGroup> & { label: string }) {
  return (
    <Radix.RadioGroup aria-label={label} {...props}>
      {children}
    </Radix.RadioGroup>
  )
}

export function MenuRadio({ icon: Icon, children, ...props }: ComponentProps<typeof Radix.RadioItem> & { icon: LucideIcon }) {
  return (
    <Radix.RadioItem
      className="flex h-8 items-center gap-2.5 rounded-lg px-2.5 text-[0.8125rem] outline-none select-none data-[highlighted]:bg-subtle [&_svg]:size-4 [&_svg]:text-muted"
      {...props}
    >
      <Icon aria-hidden />
      {children}
      <Radix.ItemIndicator className="ml-auto size-1.5 rounded-full bg-accent-ink" />
    </Radix.RadioItem>
  )
}

export function MenuSeparator() {
  return <Radix.Separator className="-mx-1 my-1 h-px bg-line" />
}
