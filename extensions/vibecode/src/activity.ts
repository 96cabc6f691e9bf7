/** Watches what the user does in this window. Nothing of what is typed is kept: only when. */

import * as vscode from "vscode";

import { shortCommand, shortName } from "./decisions.ts";
import type { Report } from "./protocol.ts";

const LIVENESS_TIME_OUT = 3_000;
/** The server refuses a report with more than 200 of a kind. */
const MOST_ITEMS = 100;

type Seen = Pick<
  Report,
  "windowActive" | "windowFocused" | "lastInteraction" | "terminals" | "tasks" | "debugSessions"
>;

export class Activity {
  readonly #changed = new vscode.EventEmitter<void>();
  /** Something that a report would say has changed. */
  readonly onDidChange = this.#changed.event;

  readonly #subscriptions: vscode.Disposable[] = [this.#changed];
  readonly #commands = new Map<vscode.Terminal, string | null>();
  readonly #pids = new Map<vscode.Terminal, number>();
  readonly #debugSessions = new Set<vscode.DebugSession>();
  #lastInteraction: number | null = null;
  #liveness: Promise<boolean> | undefined;

  constructor() {
    const on = <T>(event: vscode.Event<T>, listener: (value: T) => void): void => {
      this.#subscriptions.push(event(listener));
    };
    on(vscode.window.onDidChangeWindowState, (state) => {
      if (state.active) this.#lastInteraction = Date.now();
      this.#changed.fire();
    });
    on(vscode.workspace.onDidChangeTextDocument, ({ document, contentChanges }) => {
      // A build that rewrites an open file, or output that scrolls by, is nobody's work.
      if (contentChanges.length > 0 && document === vscode.window.activeTextEditor?.document) this.#interacted();
    });
    on(vscode.window.onDidChangeTextEditorSelection, ({ kind }) => {
      if (kind !== undefined) this.#interacted();
    });
    on(vscode.window.onDidChangeActiveTextEditor, () => this.#interacted());
    on(vscode.window.onDidChangeTerminalState, () => this.#interacted());
    on(vscode.window.onDidOpenTerminal, (terminal) => {
      this.#readPid(terminal);
      this.#interacted();
      this.#changed.fire();
    });
    on(vscode.window.onDidCloseTerminal, (terminal) => {
      this.#commands.delete(terminal);
      this.#pids.delete(terminal);
      this.#changed.fire();
    });
    on(vscode.window.onDidStartTerminalShellExecution, ({ terminal, execution }) => {
      this.#commands.set(terminal, shortCommand(execution.commandLine.value));
      this.#interacted();
      this.#changed.fire();
    });
    on(vscode.window.onDidEndTerminalShellExecution, ({ terminal }) => {
      this.#commands.delete(terminal);
      this.#changed.fire();
    });
    on(vscode.tasks.onDidStartTask, () => this.#changed.fire());
    on(vscode.tasks.onDidEndTask, () => this.#changed.fire());
    on(vscode.debug.onDidStartDebugSession, (session) => {
      this.#debugSessions.add(session);
      this.#changed.fire();
    });
    on(vscode.debug.onDidTerminateDebugSession, (session) => {
      this.#debugSessions.delete(session);
      this.#changed.fire();
    });
    if (vscode.debug.activeDebugSession) this.#debugSessions.add(vscode.debug.activeDebugSession);
    vscode.window.terminals.forEach((terminal) => this.#readPid(terminal));
  }

  async read(): Promise<Seen> {
    const state = vscode.window.state;
    // A tab that vanished (laptop closed, network gone) can't say that it is inactive any more, and its extension host
    // lives on for hours to wait for it: only a window that answers is active.
    const active = state.active && (await this.windowAnswers());
    if (active) this.#lastInteraction = Date.now();
    return {
      windowActive: active,
      windowFocused: active && state.focused,
      lastInteraction: this.#lastInteraction === null ? null : new Date(this.#lastInteraction).toISOString(),
      terminals: vscode.window.terminals.slice(0, MOST_ITEMS).map((terminal) => ({
        name: shortName(terminal.name),
        pid: this.#pids.get(terminal) ?? null,
        command: this.#commands.get(terminal) ?? null,
      })),
      tasks: vscode.tasks.taskExecutions
        .slice(0, MOST_ITEMS)
        .map(({ task }) => ({ name: shortName(task.name), background: task.isBackground })),
      debugSessions: [...this.#debugSessions].slice(0, MOST_ITEMS).map(({ name }) => ({ name: shortName(name) })),
    };
  }

  /** Say whether the tab or window at the other end is there. */
  windowAnswers(): Promise<boolean> {
    // One question at a time: unanswered ones queue up until the window reconnects.
    this.#liveness ??= Promise.resolve(vscode.commands.executeCommand("setContext", "vibecode.connected", true)).then(
      () => true,
      () => false,
    );
    const question = this.#liveness.finally(() => (this.#liveness = undefined));
    let timer: NodeJS.Timeout | undefined;
    const timeOut = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), LIVENESS_TIME_OUT);
    });
    return Promise.race([question, timeOut]).finally(() => clearTimeout(timer));
  }

  dispose(): void {
    this.#subscriptions.forEach((subscription) => void subscription.dispose());
  }

  /** Note an interaction that the editor reports without saying who caused it; only in a focused window it's the user. */
  #interacted(): void {
    if (!vscode.window.state.focused) return;
    this.#lastInteraction = Date.now();
  }

  #readPid(terminal: vscode.Terminal): void {
    void Promise.resolve(terminal.processId).then((pid) => {
      if (pid !== undefined && vscode.window.terminals.includes(terminal)) this.#pids.set(terminal, pid);
    });
  }
}
