/** The host of a workspace; a domain without a port has this page's. */
export function workspaceHost(name: string, domain: string): string {
  const port = location.port && !domain.includes(':') ? `:${location.port}` : ''
  return `${name}.${domain}${port}`
}

/** A path of this origin to go to after signing in; anything else leads to the dashboard. */
export function safeNext(next: unknown): string {
  if (typeof next !== 'string' || !next.startsWith('/')) return '/'
  try {
    const url = new URL(next, location.origin)
    return url.origin === location.origin ? url.pathname + url.search + url.hash : '/'
  } catch {
    return '/'
  }
}
