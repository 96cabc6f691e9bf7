import type { Me, Template, Workspace } from '@/api/model'

export function workspace(changes: Partial<Workspace> = {}): Workspace {
  const name = changes.name ?? 'alice'
  return {
    id: `w-${name}`,
    name,
    owner: 'alice',
    userId: 'alice',
    status: 'running',
    reason: 'kept: terminal is running npm test',
    url: `http://${name}.vibecode.localhost:8000/`,
    resources: { cpu: 0.12, memory: 431_000_000, storage: 1_310_000_000 },
    lastActive: '2026-11-24T09:30:00Z',
    createdAt: '2026-11-20T08:00:00Z',
    startedAt: '2026-11-24T08:00:00Z',
    stopsAt: null,
    idleTimeout: 1800,
    source: null,
    editorVersion: '4.128.0',
    updateWaits: false,
    revision: 3,
    ...changes,
  }
}

export const me: Me = {
  user: { id: 'alice', name: 'alice', email: null, role: 'member', createdAt: '2026-11-01T08:00:00Z' },
  session: {
    id: 's-1',
    kind: 'browser',
    origin: 'http://vibecode.localhost',
    createdAt: '2026-11-24T08:00:00Z',
    lastSeenAt: '2026-11-24T09:00:00Z',
    expiresAt: '2026-12-24T08:00:00Z',
    userAgent: 'Mozilla/5.0',
    current: true,
  },
  runtime: 'local',
  version: '0.1.0',
  domain: 'vibecode.localhost',
  defaultIdleTimeout: 1800,
}

export const pythonTemplate: Template = {
  name: 'python',
  title: 'Python',
  description: 'A virtual environment, ruff and pytest.',
  parameters: [
    { name: 'project', title: 'Project name', description: '', type: 'string', default: 'app', choices: [], pattern: '[a-z][a-z0-9_]*', required: true },
    { name: 'python', title: 'Python version', description: '', type: 'choice', default: '3.13', choices: ['3.12', '3.13'], pattern: null, required: true },
    { name: 'tests', title: 'Add an example test', description: '', type: 'boolean', default: 'true', choices: [], pattern: null, required: false },
  ],
  extensions: [],
}
