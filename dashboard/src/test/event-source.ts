/** An EventSource that tests speak through. */
export class FakeEventSource extends EventTarget {
  static all: FakeEventSource[] = []

  readonly url: string
  closed = false
  onopen: (() => void) | null = null
  onerror: (() => void) | null = null

  constructor(url: string) {
    super()
    this.url = url
    FakeEventSource.all.push(this)
  }

  static latest(): FakeEventSource {
    const source = FakeEventSource.all.at(-1)
    if (!source) throw new Error('No EventSource was opened')
    return source
  }

  say(event: string, data: unknown): void {
    this.dispatchEvent(new MessageEvent(event, { data: JSON.stringify(data) }))
  }

  close(): void {
    this.closed = true
  }
}
