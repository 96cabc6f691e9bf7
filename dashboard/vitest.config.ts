import { defineConfig, mergeConfig } from 'vitest/config'

import app from './vite.config.ts'

export default mergeConfig(
  app,
  defineConfig({
    test: {
      environment: 'jsdom',
      // One jsdom a worker, a fresh context a file.
      pool: 'vmThreads',
      environmentOptions: { jsdom: { url: 'http://vibecode.localhost/' } },
      include: ['src/**/*.test.{ts,tsx}'],
      setupFiles: ['src/test/setup.ts'],
      restoreMocks: true,
      unstubGlobals: true,
    },
  }),
)
