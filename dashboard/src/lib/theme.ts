import { readPreference, writePreference } from './storage'
import { createStore } from './store'

export const THEMES = ['light', 'dark', 'system'] as const
export type Theme = (typeof THEMES)[number]

function stored(): Theme {
  const value = readPreference('theme')
  return THEMES.find((theme) => theme === value) ?? 'system'
}

export const themeStore = createStore<Theme>(stored())

/** Stores the choice; theme-boot.js, which runs since before the first paint, applies it. */
export function chooseTheme(theme: Theme): void {
  writePreference('theme', theme)
  themeStore.set(theme)
  window.dispatchEvent(new CustomEvent('vibecode:theme', { detail: theme }))
}
