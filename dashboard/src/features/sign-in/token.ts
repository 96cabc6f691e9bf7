/** The one-time token of the link; it is taken out of the address, so that no history or screenshot keeps it. */
export function takeToken(): string | null {
  const token = location.hash.slice(1)
  if (!token) return null
  history.replaceState(history.state, '', location.pathname + location.search)
  return decodeURIComponent(token)
}
