import { useQuery } from '@tanstack/react-query'
import { ArrowUpRight } from 'lucide-react'

import { explain } from '@/api/errors'
import { portsQuery } from '@/api/queries'
import { buttonStyle } from '@/components/ui/button'
import { Card, Panel } from '@/components/ui/card'
import { Command, CopyButton } from '@/components/ui/code'
import { Notice } from '@/components/ui/notice'
import { Skeleton } from '@/components/ui/skeleton'

import { useShownWorkspace } from './page'

export function PortsTab() {
  const { name, status } = useShownWorkspace()
  const running = status === 'running'
  const { data, error } = useQuery({ ...portsQuery(name), enabled: running })

  if (!running) return <Notice>Ports are shown while it runs: start it first.</Notice>
  if (error && !data) {
    return (
      <Notice tone="bad" role="alert" title="The ports can't be shown">
        {explain(error)}
      </Notice>
    )
  }
  if (!data) return <Skeleton className="h-40 rounded-xl" />
  if (data.length === 0) {
    return (
      <Panel
        title="Nothing listens yet"
        description="When a process in the workspace listens on a port, a private link to it appears here. Only those who may open the workspace can follow it. Try it in its terminal:"
      >
        <Command className="max-w-md">python3 -m http.server 8080</Command>
      </Panel>
    )
  }
  return (
    <Card aria-label="Ports">
      <ul className="divide-y divide-line">
        {data.map(({ port, process, pid, url }) => (
          <li key={port} className="flex flex-wrap items-center gap-x-4 gap-y-2 py-2.5 pr-2.5 pl-4 sm:pl-5">
            <p className="w-14 text-[0.9375rem] font-semibold tabular-nums">{port}</p>
            <div className="min-w-0 flex-1 basis-40">
              <p className="truncate font-medium">
                {process} <span className="font-normal text-muted tabular-nums">pid {pid}</span>
              </p>
              <p className="truncate text-[0.8125rem] text-muted">{url.replace(/^https?:\/\//, '').replace(/\/$/, '')}</p>
            </div>
            <div className="flex gap-1">
              <CopyButton text={url} label={`Copy the link to port ${port}`} />
              <a
                href={url}
                target="_blank"
                rel="noopener"
                className={buttonStyle({ size: 'sm' })}
                aria-label={`Preview port ${port} in a new tab`}
              >
                Preview
                <ArrowUpRight aria-hidden />
              </a>
            </div>
          </li>
        ))}
      </ul>
    </Card>
  )
}
