/**
 * A stand-in for the VibeCode server: for developing the dashboard and for its browser tests, never for use.
 *
 *   node dev/mock-server.mjs [--port 8765] [--scenario few|empty|many|member] [--files <built dashboard>]
 *
 * It keeps made-up workspaces in memory, answers the API of /api/v1 and serves the built dashboard under the same
 * Content-Security-Policy as the server. It prints one line of JSON, {"url": …}, when it listens. Tests steer it through
 * POST /__dev/<command> (see `commands` below). Sign in with /sign-in#good; /sign-in#used is a used link.
 */
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { damagedTemplates, makeScenario, templates } from './scenarios.mjs'

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '8765' },
    scenario: { type: 'string', default: 'few' },
    files: { type: 'string', default: fileURLToPath(new URL('../../src/vibecode/web/dashboard', import.meta.url)) },
    // Milliseconds that a start or a stop takes.
    pace: { type: 'string', default: '2500' },
  },
})

const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
  "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }

let state = makeScenario(options.scenario)
let failures = []
let pace = Number(options.pace)
let timers = []
const streams = new Set()
const logStreams = new Set()
const keys = new Map()
let held = null

class Refusal extends Error {
  constructor(status, code, detail, field) {
    super(detail)
    this.problem = { type: 'about:blank', title: code, status, detail, code, ...(field ? { field } : {}) }
  }
}

// --- What happens to workspaces ---------------------------------------------------------------------------------

function later(milliseconds, run) {
  timers.push(setTimeout(run, milliseconds))
}

/** Run it, or have it wait for a test that wants to see what is before. */
function whenAllowed(run) {
  if (held) held.push(run)
  else run()
}

function send(stream, event, data) {
  stream.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
}

function publish(workspace) {
  for (const stream of streams) send(stream, 'workspace', workspace)
}

function change(workspace, changes, event) {
  Object.assign(workspace, changes)
  if (event) state.events.get(workspace.name)?.unshift({ at: new Date().toISOString(), kind: changes.status, message: event })
  publish(workspace)
}

function write(workspace, text) {
  const line = { at: new Date().toISOString(), text }
  state.logs.get(workspace.name)?.push(line)
  for (const { name, stream } of logStreams) if (name === workspace.name) send(stream, 'log', line)
}

function start(workspace) {
  if (workspace.status === 'running' || workspace.status === 'starting') return
  state.logs.set(workspace.name, [])
  change(workspace, { status: 'starting', reason: 'starting the editor' }, 'The editor is being started.')
  const source = workspace.source
  const lines = [
    ...(source?.type === 'git' ? [`Cloning ${source.url}`, 'Receiving objects: 100% (1532/1532), 4.10 MiB, done.'] : []),
    ...(source?.type === 'template' ? [`Rendering the template ${source.name}`] : []),
    'Starting code-server 4.128.0',
    'Waiting for the editor to answer',
    'The editor answers after 1.4 s',
  ]
  lines.forEach((text, index) => later((pace * (index + 1)) / (lines.length + 1), () => write(workspace, text)))
  const ready = () =>
    change(
      workspace,
      {
        status: 'running',
        reason: 'kept: started just now',
        startedAt: new Date().toISOString(),
        lastActive: new Date().toISOString(),
        editorVersion: '4.128.0',
        updateWaits: false,
        resources: { ...workspace.resources, cpu: 0.21, memory: 268_000_000 },
      },
      'The editor answers.',
    )
  later(pace, () => whenAllowed(ready))
}

function stop(workspace, then) {
  change(workspace, { status: 'stopping', reason: 'stopping: you asked for it', stopsAt: null }, 'Stopped by its owner.')
  later(pace / 2, () => {
    change(
      workspace,
      { status: 'stopped', reason: 'stopped: you asked for it', startedAt: null, editorVersion: null, resources: { ...workspace.resources, cpu: 0, memory: 0 } },
      'Stopped by its owner.',
    )
    then?.()
  })
}

function find(name) {
  const workspace = state.workspaces.find((each) => each.name === name)
  if (!workspace) throw new Refusal(404, 'workspace_not_found', `There is no workspace ${name}.`)
  return workspace
}

function create(body, key) {
  const seen = key && keys.get(key)
  if (seen) return find(seen)
  if (!/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/.test(body.name)) throw new Refusal(422, 'invalid_name', 'The name is not valid.', 'name')
  if (body.name === 'foreign' || state.workspaces.some((each) => each.name === body.name)) {
    throw new Refusal(409, 'name_taken', `The name ${body.name} is taken: choose another.`, 'name')
  }
  if (body.source?.type === 'git' && body.source.url.includes('nowhere')) {
    throw new Refusal(422, 'source_unavailable', 'The repository can not be reached: check its address.', 'source.url')
  }
  const owner = body.owner ?? state.me.user.id
  const kept = state.kept.find((each) => each.name === body.name && each.owner === owner)
  state.kept = state.kept.filter((each) => each !== kept)
  const workspace = {
    id: kept?.id ?? randomUUID(),
    name: body.name,
    owner,
    userId: owner,
    status: 'pending',
    reason: 'waiting to be started',
    url: `http://${body.name}.vibecode.localhost:8000/`,
    resources: { cpu: 0, memory: 0, storage: 1_200_000 },
    lastActive: null,
    createdAt: new Date().toISOString(),
    startedAt: null,
    stopsAt: null,
    idleTimeout: body.idleTimeout === undefined ? 1800 : body.idleTimeout,
    source: body.source ?? null,
    editorVersion: null,
    updateWaits: false,
    revision: 1,
  }
  state.workspaces.push(workspace)
  state.logs.set(workspace.name, [])
  state.events.set(workspace.name, [{ at: workspace.createdAt, kind: 'created', message: 'Created.' }])
  if (key) keys.set(key, workspace.name)
  publish(workspace)
  later(pace / 4, () => start(workspace))
  return workspace
}

// --- The API ----------------------------------------------------------------------------------------------------

const routes = [
  ['GET', '/me', () => [200, state.me]],
  ['POST', '/session', ({ body }) => signIn(body.token)],
  ['DELETE', '/session', () => ((state.signedIn = false), [204])],
  ['GET', '/sessions', () => [200, { items: state.sessions, nextCursor: null }]],
  ['DELETE', '/sessions/:id', ({ id }) => ((state.sessions = state.sessions.filter((each) => each.id !== id)), [204])],
  ['GET', '/users', () => [200, { items: state.users, nextCursor: null }]],
  ['POST', '/users', ({ body }) => addUser(body)],
  ['DELETE', '/users/:id', ({ id }) => ((state.users = state.users.filter((each) => each.id !== id)), [204])],
  ['POST', '/users/:id/login-links', () => [201, { url: `http://vibecode.localhost:8000/sign-in#${randomUUID()}`, expiresAt: new Date(Date.now() + 600_000).toISOString() }]],
  ['GET', '/templates', () => [200, { items: templates, errors: damagedTemplates }]],
  ['GET', '/workspaces', ({ query }) => page(query.get('kept') === 'true' ? state.kept : state.workspaces, query)],
  ['POST', '/workspaces', ({ body, headers }) => [201, create(body, headers['idempotency-key'])]],
  ['GET', '/workspaces/:name', ({ name }) => [200, find(name)]],
  ['PATCH', '/workspaces/:name', ({ name, body, headers }) => [200, update(find(name), body, headers['if-match'])]],
  ['DELETE', '/workspaces/:name', ({ name, query }) => remove(name, query)],
  ['POST', '/workspaces/:name/start', ({ name }) => act(name, start)],
  ['POST', '/workspaces/:name/stop', ({ name }) => act(name, (workspace) => stop(workspace))],
  ['POST', '/workspaces/:name/restart', ({ name }) => act(name, (workspace) => stop(workspace, () => start(workspace)))],
  ['POST', '/workspaces/:name/keep-running', ({ name }) => act(name, (workspace) => change(workspace, { reason: 'kept: you asked for it just now', stopsAt: null }))],
  ['GET', '/workspaces/:name/events', ({ name }) => [200, { items: state.events.get(find(name).name) ?? [] }]],
  ['GET', '/workspaces/:name/ports', ({ name }) => [200, { items: find(name) && (state.ports.get(name) ?? []) }]],
]

function act(name, run) {
  const workspace = find(name)
  run(workspace)
  return [202, workspace]
}

function page(items, query) {
  const limit = Number(query.get('limit') ?? 50)
  const from = Number(query.get('cursor') ?? 0)
  const next = from + limit
  return [200, { items: items.slice(from, next), nextCursor: next < items.length ? String(next) : null }]
}

function signIn(token) {
  if (token !== 'good') throw new Refusal(410, 'link_expired', 'This link was used before, or has expired. Ask for a new one.')
  state.signedIn = true
  state.signIns += 1
  return [200, { next: '/' }]
}

function addUser({ id, email, role }) {
  if (state.users.some((each) => each.id === id)) throw new Refusal(409, 'name_taken', `There is already a user ${id}.`, 'id')
  const user = { id, name: id, email: email ?? null, role: role ?? 'member', createdAt: new Date().toISOString() }
  state.users.push(user)
  return [201, user]
}

function update(workspace, body, ifMatch) {
  if (!ifMatch) throw new Refusal(428, 'precondition_required', 'If-Match is needed.')
  if (ifMatch !== `"${workspace.revision}"`) throw new Refusal(412, 'revision_mismatch', 'It was changed in the meantime.')
  change(workspace, { idleTimeout: body.idleTimeout, revision: workspace.revision + 1 })
  return workspace
}

function remove(name, query) {
  const kept = state.kept.find((each) => each.name === name && each.owner === query.get('owner'))
  if (kept) return (state.kept = state.kept.filter((each) => each !== kept)), [204]
  const workspace = find(name)
  if (query.get('purge') !== 'true') {
    state.kept.push({ ...workspace, status: 'stopped', reason: 'Deleted today; its files are kept for its owner.' })
  }
  state.workspaces = state.workspaces.filter((each) => each !== workspace)
  for (const stream of streams) send(stream, 'removed', { name: workspace.name })
  return [204]
}

function openStream(response, set, entry) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  response.flushHeaders()
  set.add(entry)
  response.on('close', () => set.delete(entry))
}

function followAll(response) {
  openStream(response, streams, response)
  for (const workspace of state.workspaces) send(response, 'workspace', workspace)
  send(response, 'ready', {})
}

function followLog(name, response) {
  openStream(response, logStreams, { name, stream: response })
  for (const line of state.logs.get(name) ?? []) send(response, 'log', line)
}

async function api(request, url, response) {
  const path = url.pathname.slice('/api/v1'.length)
  const failure = failures.find((each) => each.method === request.method && each.path === path)
  if (failure?.status === 0) return void request.socket.destroy()
  if (failure) throw new Refusal(failure.status, failure.code ?? 'unavailable', failure.detail ?? 'Not now.', failure.field)
  if (!state.signedIn && path !== '/session') throw new Refusal(401, 'unauthenticated', 'Sign in first.')
  if (request.method !== 'GET' && request.headers.origin !== `http://${request.headers.host}`) {
    throw new Refusal(403, 'request_refused', 'The request does not come from the dashboard.')
  }
  if (path === '/events') return void followAll(response)
  const log = /^\/workspaces\/([^/]+)\/logs\/stream$/.exec(path)
  if (log) return void followLog(find(log[1]).name, response)
  for (const [method, pattern, handle] of routes) {
    const match = request.method === method && new RegExp(`^${pattern.replaceAll(/:(\w+)/g, '(?<$1>[^/]+)')}$`).exec(path)
    if (!match) continue
    const [status, answer] = handle({ ...match.groups, query: url.searchParams, headers: request.headers, body: await readBody(request) })
    response.writeHead(status, answer === undefined ? {} : { 'content-type': 'application/json' })
    return void response.end(answer === undefined ? undefined : JSON.stringify(answer))
  }
  throw new Refusal(404, 'not_found', 'There is no such address in the API.')
}

async function readBody(request) {
  const chunks = await request.toArray()
  return chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : undefined
}

// --- What tests can ask for -------------------------------------------------------------------------------------

const commands = {
  /** Begin anew with a scenario. */
  reset({ scenario, signedIn = true, pace: newPace }) {
    for (const timer of timers) clearTimeout(timer)
    timers = []
    failures = []
    keys.clear()
    held = null
    pace = newPace ?? Number(options.pace)
    state = makeScenario(scenario)
    state.signedIn = signedIn
    commands.cut()
  },
  /** Cut all streams. */
  cut() {
    for (const stream of streams) stream.destroy()
    for (const { stream } of logStreams) stream.destroy()
  },
  /** Change a workspace behind the dashboard's back. */
  change({ name, changes }) {
    change(find(name), changes)
  },
  /** What starts does not get ready until `go`. */
  hold() {
    held = []
  },
  go() {
    const waiting = held ?? []
    held = null
    for (const run of waiting) run()
  },
  /** Answer requests with errors; status 0 drops the connection. */
  fail({ requests }) {
    failures = requests
  },
  /** What the server holds, for a test to compare. */
  state: () => ({ workspaces: state.workspaces, kept: state.kept, signIns: state.signIns, users: state.users, sessions: state.sessions }),
}

async function command(request, name, response) {
  const run = commands[name]
  if (!run) throw new Refusal(404, 'not_found', `There is no command ${name}.`)
  const answer = run((await readBody(request)) ?? {}) ?? {}
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
}

async function file(path, response) {
  const wanted = normalize(path)
  let name = wanted
  let content = wanted === '/' ? null : await readFile(join(options.files, wanted)).catch(() => null)
  if (content === null) {
    if (extname(wanted)) return void response.writeHead(404).end()
    // The pages of the dashboard: its router takes over.
    name = 'index.html'
    content = await readFile(join(options.files, name))
  }
  response.writeHead(200, {
    'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
    'content-security-policy': CSP,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  })
  response.end(content)
}

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://mock')
  const work = url.pathname.startsWith('/api/v1/')
    ? api(request, url, response)
    : url.pathname.startsWith('/__dev/')
      ? command(request, url.pathname.slice('/__dev/'.length), response)
      : file(url.pathname, response)
  work.catch((error) => {
    const problem = error instanceof Refusal ? error.problem : new Refusal(500, 'bug', String(error)).problem
    response.writeHead(problem.status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem))
  })
})

server.listen(Number(options.port), '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` }))
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0))
