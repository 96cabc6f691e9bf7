import '@testing-library/jest-dom/vitest'

import { cleanup } from '@testing-library/react'
import { afterEach, beforeEach, vi } from 'vitest'

import { connectionStore } from '@/lib/connection'

import { FakeEventSource } from './event-source'

// What jsdom does not have and Radix or our pages ask for.
Object.assign(Element.prototype, { scrollIntoView: () => undefined, hasPointerCapture: () => false })

beforeEach(() => {
  connectionStore.set({ reachable: true, signedIn: true, live: 'connecting' })
  FakeEventSource.all = []
  vi.stubGlobal('scrollTo', () => undefined)
  vi.stubGlobal('EventSource', FakeEventSource)
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined }))
  vi.stubGlobal('ResizeObserver', class { observe() {} unobserve() {} disconnect() {} })
})

afterEach(() => {
  cleanup()
  localStorage.clear()
})
