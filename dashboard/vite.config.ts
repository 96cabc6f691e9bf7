import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/**
 * Puts the theme script into <head> as a classic blocking script with a hashed name: it must run before the first
 * paint, and the Content-Security-Policy forbids inline scripts.
 */
function themeScript(): Plugin {
  const source = readFileSync(here('src/theme-boot.js'), 'utf8')
  const hash = createHash('sha256').update(source).digest('hex').slice(0, 8)
  const built = `assets/theme-${hash}.js`
  let serving = false
  return {
    name: 'vibecode:theme-script',
    configResolved(config) {
      serving = config.command === 'serve'
    },
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: built, source })
    },
    transformIndexHtml() {
      const src = serving ? '/src/theme-boot.js' : `/${built}`
      return [{ tag: 'script', attrs: { src }, injectTo: 'head-prepend' }]
    },
  }
}

// The API to talk to while developing: the mock server by default, or a real one.
const api = process.env.VIBECODE_URL ?? 'http://127.0.0.1:8765'

export default defineConfig({
  plugins: [react(), tailwindcss(), themeScript()],
  resolve: { alias: { '@': here('src') } },
  build: {
    outDir: here('../src/vibecode/web/dashboard'),
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        // Libraries change less often than our code: browsers keep them over upgrades.
        codeSplitting: {
          groups: [
            { name: 'react', test: /node_modules[\\/](react|react-dom|scheduler)[\\/]/ },
            { name: 'tanstack', test: /node_modules[\\/]@tanstack[\\/]/ },
          ],
        },
      },
    },
  },
  server: {
    port: 5173,
    proxy: {
      // The server accepts changes only from its own origin, so the proxy speaks with that.
      '/api': { target: api, changeOrigin: true, headers: { origin: new URL(api).origin } },
    },
  },
})
