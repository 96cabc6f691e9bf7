/** Made-up data for the mock server. */

const MINUTE = 60_000
const ago = (minutes) => new Date(Date.now() - minutes * MINUTE).toISOString()
const ahead = (minutes) => new Date(Date.now() + minutes * MINUTE).toISOString()

export const templates = [
  {
    name: 'python',
    title: 'Python',
    description: 'A virtual environment, ruff and pytest, with the Python extension.',
    parameters: [
      { name: 'project', title: 'Project name', description: 'Name of the package to begin with.', type: 'string', default: 'app', choices: [], pattern: '[a-z][a-z0-9_]*', required: true },
      { name: 'python', title: 'Python', description: '', type: 'choice', default: '3.13', choices: ['3.11', '3.12', '3.13'], pattern: null, required: true },
      { name: 'tests', title: 'Add an example test', description: 'A first test and a task that runs it.', type: 'boolean', default: 'true', choices: [], pattern: null, required: false },
    ],
    extensions: ['ms-python.python', 'charliermarsh.ruff'],
  },
  { name: 'node', title: 'Node', description: 'TypeScript, eslint and vitest.', parameters: [], extensions: ['dbaeumer.vscode-eslint'] },
  { name: 'web', title: 'Web page', description: 'HTML, CSS and a live preview on a port.', parameters: [], extensions: [] },
]

export const damagedTemplates = ['The template rust is left out: template.toml, line 3: "pattern" is no regular expression.']

function workspace(name, changes = {}) {
  const owner = changes.owner ?? 'alice'
  const status = changes.status ?? 'stopped'
  const running = status === 'running'
  return {
    id: `ws-${name}`,
    name,
    owner,
    userId: owner,
    status,
    reason: running ? 'kept: browser tab active 3 min ago' : 'stopped: idle for 30 min',
    url: `http://${name}.vibecode.localhost:8000/`,
    lastActive: ago(3),
    createdAt: ago(60 * 24 * 12),
    startedAt: running ? ago(187) : null,
    stopsAt: null,
    idleTimeout: 1800,
    source: null,
    editorVersion: running ? '4.128.0' : null,
    updateWaits: false,
    revision: 3,
    ...changes,
    resources: { cpu: running ? 0.12 : 0, memory: running ? 431_000_000 : 0, storage: 1_310_000_000, ...changes.resources },
  }
}

const git = (url, branch = null) => ({ type: 'git', url, branch })

function few() {
  return [
    workspace('alice', {
      status: 'running',
      reason: 'kept: terminal is running npm test',
      source: git('https://github.com/acme/storefront.git', 'main'),
      lastActive: ago(0),
      updateWaits: true,
      editorVersion: '4.127.1',
      resources: { cpu: 0.86, memory: 912_000_000, storage: 2_470_000_000 },
    }),
    workspace('billing-api', {
      status: 'running',
      reason: 'stops in 12 min',
      stopsAt: ahead(12),
      source: git('git@github.com:acme/billing-api.git', 'feature/invoices-with-a-rather-long-name'),
      lastActive: ago(18),
      resources: { cpu: 0.02, memory: 388_000_000, storage: 803_000_000 },
    }),
    workspace('data-notebook', {
      status: 'starting',
      reason: 'starting: installing 2 extensions',
      source: { type: 'template', name: 'python', parameters: { project: 'notebook', python: '3.13', tests: 'true' } },
      lastActive: ago(0),
      resources: { storage: 96_000_000 },
    }),
    workspace('docs', { lastActive: ago(60 * 26), resources: { storage: 212_000_000 } }),
    workspace('legacy-shop', {
      status: 'failed',
      reason: 'failed: the editor crashed three times in a minute; the last line was "ENOSPC: no space left on device"',
      source: git('https://git.example.com/legacy/shop'),
      lastActive: ago(60 * 24 * 9),
      resources: { storage: 7_900_000_000 },
    }),
    workspace('playground', { status: 'stopping', reason: 'stopping: you asked for it', lastActive: ago(41), idleTimeout: null }),
  ]
}

function kept(all) {
  const left = { reason: 'Deleted on 2026-11-20; its files are kept for its owner.', lastActive: ago(60 * 24 * 4) }
  return [
    workspace('old-shop', { ...left, resources: { storage: 642_000_000 } }),
    ...(all ? [workspace('thesis', { ...left, owner: 'bob', resources: { storage: 8_100_000 } })] : []),
  ]
}

const WORDS = ['api', 'shop', 'search', 'mobile', 'infra', 'docs', 'ml', 'payments', 'auth-flow', 'reports', 'crawler', 'editor']
const OWNERS = ['alice', 'bob', 'chandra', 'dilnoza', 'emeka']

function many() {
  return Array.from({ length: 60 }, (_, index) => {
    const owner = OWNERS[index % OWNERS.length]
    const word = WORDS[index % WORDS.length]
    const status = index % 17 === 7 ? 'failed' : index % 4 === 0 ? 'running' : index % 23 === 5 ? 'starting' : 'stopped'
    const reason = {
      failed: 'failed: the clone was refused: authentication needed',
      starting: 'starting: waiting for the editor to answer',
      running: index % 8 === 0 ? 'kept: terminal is running cargo build --release' : 'stops in 21 min',
      stopped: 'stopped: idle for 30 min',
    }[status]
    return workspace(`${word}-${owner}-${index}`, {
      owner,
      status,
      reason,
      ...(reason === 'stops in 21 min' ? { stopsAt: ahead(21) } : {}),
      source: index % 3 === 0 ? git(`https://github.com/acme/${word}`, index % 2 ? 'main' : null) : index % 3 === 1 ? { type: 'template', name: 'node', parameters: {} } : null,
      lastActive: ago(index * index * 7 + 2),
      resources: { ...(status === 'running' ? { cpu: (index % 7) * 0.31, memory: 210_000_000 + index * 31_000_000 } : {}), storage: 90_000_000 + index * 113_000_000 },
    })
  })
}

const CHROME = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36'
const SAFARI = 'Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1'

function sessions() {
  const base = { kind: 'browser', origin: 'http://vibecode.localhost:8000', createdAt: ago(60 * 30), lastSeenAt: ago(0), expiresAt: ahead(60 * 24 * 13), userAgent: CHROME, current: false }
  return [
    { ...base, id: 'one', current: true },
    { ...base, id: 'two', userAgent: SAFARI, lastSeenAt: ago(60 * 5) },
    { ...base, id: 'four', kind: 'origin', origin: 'http://alice.vibecode.localhost:8000', lastSeenAt: ago(1) },
    { ...base, id: 'three', kind: 'token', userAgent: 'vibecode-cli/0.1.0', origin: 'command line', lastSeenAt: ago(60 * 24 * 2), expiresAt: ahead(60 * 24 * 88) },
  ]
}

function user(id, role = 'member') {
  return { id, name: id.charAt(0).toUpperCase() + id.slice(1), email: `${id}@example.com`, role, createdAt: ago(60 * 24 * 90) }
}

const LOG = [
  'Cloning https://github.com/acme/storefront.git (branch main)',
  'remote: Enumerating objects: 18213, done.',
  'Receiving objects: 100% (18213/18213), 31.42 MiB | 12.80 MiB/s, done.',
  'Resolving deltas: 100% (10121/10121), done.',
  '\u001b[32mFiles are ready\u001b[0m',
  'Starting code-server 4.128.0',
  'Installing extension dbaeumer.vscode-eslint',
  'Extension dbaeumer.vscode-eslint v3.0.16 was installed',
  'Waiting for the editor to answer',
  'The editor answers after 1.6 s',
]

/** All that the mock server knows: `few` (an administrator), `member`, `empty` or `many`. */
export function makeScenario(name) {
  const workspaces = name === 'empty' ? [] : name === 'many' ? many() : few()
  const admin = name !== 'member'
  const events = (each) =>
    [
      each.status === 'failed' && { at: ago(2), kind: 'failed', message: each.reason },
      each.status === 'failed' && { at: ago(3), kind: 'crashed', message: 'The editor ended with code 1; it is started again in 4 s.' },
      { at: ago(187), kind: 'running', message: 'The editor answers after 1.6 s.' },
      { at: ago(187.1), kind: 'starting', message: 'Started by its owner.' },
      { at: ago(1200), kind: 'stopped', message: 'Idle for 30 min.' },
      { at: ago(1900), kind: 'extension_failed', message: 'acme.private-theme is not in the registry.' },
      { at: each.createdAt, kind: 'created', message: 'Created.' },
    ].filter(Boolean)
  return {
    signedIn: true,
    signIns: 0,
    workspaces,
    kept: name === 'few' || name === 'member' ? kept(admin) : [],
    me: {
      user: user('alice', admin ? 'admin' : 'member'),
      session: sessions()[0],
      runtime: 'local',
      version: '0.1.0',
      domain: 'vibecode.localhost:8000',
      defaultIdleTimeout: 1800,
    },
    sessions: sessions(),
    users: [user('alice', 'admin'), user('bob'), user('chandra')],
    events: new Map(workspaces.map((each) => [each.name, events(each)])),
    logs: new Map(workspaces.map((each) => [each.name, LOG.map((text, index) => ({ at: ago(187 - index / 30), text }))])),
    ports: new Map([
      [
        'alice',
        [
          { port: 3000, process: 'node', pid: 48213, url: 'http://3000--alice.vibecode.localhost:8000/' },
          { port: 5432, process: 'postgres', pid: 48101, url: 'http://5432--alice.vibecode.localhost:8000/' },
        ],
      ],
    ]),
  }
}
