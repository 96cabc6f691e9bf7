/** VibeCode's side of a workspace: says what is in use, and tells the user before the workspace stops. */

import { randomUUID } from "node:crypto";

import * as vscode from "vscode";

import { Activity } from "./activity.ts";
import { Client } from "./client.ts";
import { explanation, statusBar, warn, type Warned, warningIsStale, warningText } from "./decisions.ts";
import type { Answer, Report } from "./protocol.ts";
import { message, Reporter } from "./reporter.ts";

const KEEP_RUNNING = "Keep running";

let running: Session | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const agentFile = process.env["VIBECODE_AGENT_FILE"];
  // Not in a workspace of ours: another editor, or one that was started by hand.
  if (!agentFile) return;
  running = new Session(agentFile, String(context.extension.packageJSON.version));
  context.subscriptions.push(running);
}

export async function deactivate(): Promise<void> {
  await running?.close();
}

class Session {
  readonly #windowId = randomUUID();
  readonly #version: string;
  readonly #client: Client;
  readonly #reporter: Reporter;
  readonly #activity = new Activity();
  readonly #log = vscode.window.createOutputChannel("VibeCode", { log: true });
  readonly #item = vscode.window.createStatusBarItem("vibecode.stop", vscode.StatusBarAlignment.Right, 90);
  readonly #subscriptions: vscode.Disposable[] = [this.#log, this.#item, this.#activity];
  #answer: Answer | undefined;
  #warned: Warned = null;
  #warningIsOpen = false;
  #redraw: NodeJS.Timeout | undefined;

  constructor(agentFile: string, version: string) {
    this.#version = version;
    this.#client = new Client(agentFile);
    this.#reporter = new Reporter({
      send: async () => this.#client.report(await this.#report(false)),
      onAnswer: (answer) => this.#show(answer),
      log: (line) => this.#log.info(line),
    });
    this.#item.name = "VibeCode: idle stop";
    this.#item.command = "vibecode.whyRunning";
    this.#subscriptions.push(
      this.#activity.onDidChange(() => this.#reporter.changed()),
      this.#reporter,
      vscode.commands.registerCommand("vibecode.keepRunning", () => this.#keepRunning()),
      vscode.commands.registerCommand("vibecode.whyRunning", () => this.#explain()),
      vscode.commands.registerCommand("vibecode.openDashboard", () => this.#openDashboard()),
    );
    // Shows our commands in the palette.
    void this.#activity.windowAnswers();
    this.#reporter.start();
  }

  /** Tell the server that this window is gone, so that it need not wait for its reports to run out. */
  async close(): Promise<void> {
    this.#reporter.dispose();
    try {
      await this.#client.report(await this.#report(true));
    } catch (error) {
      this.#log.info(`The last report wasn't taken. ${message(error)}`);
    }
  }

  dispose(): void {
    clearTimeout(this.#redraw);
    this.#subscriptions.forEach((subscription) => void subscription.dispose());
  }

  async #report(closed: boolean): Promise<Report> {
    const seen = await this.#activity.read();
    return { extensionVersion: this.#version, windowId: this.#windowId, closed, ...seen };
  }

  #show(answer: Answer): void {
    this.#answer = answer;
    this.#draw();
    if (this.#warningIsOpen && warningIsStale(answer, this.#warned)) {
      this.#warningIsOpen = false;
      // A message can't be taken back one by one; hidden ones stay in the list of notifications.
      void vscode.commands.executeCommand("notifications.hideToasts");
    }
    void this.#warn(answer);
  }

  #draw(): void {
    clearTimeout(this.#redraw);
    const shown = this.#answer && statusBar(this.#answer, Date.now());
    if (!shown) {
      this.#item.hide();
      return;
    }
    this.#item.text = `$(clock) ${shown.text}`;
    this.#item.tooltip = shown.tooltip;
    this.#item.backgroundColor = shown.urgent ? new vscode.ThemeColor("statusBarItem.warningBackground") : undefined;
    this.#item.show();
    this.#redraw = setTimeout(() => this.#draw(), 20_000);
  }

  async #warn(answer: Answer): Promise<void> {
    const { show } = warn(answer, this.#warned);
    // A message to a tab that is away would pop up hours later, untrue by then.
    if (show && !(await this.#activity.windowAnswers())) return;
    const decision = warn(answer, this.#warned);
    this.#warned = decision.warned;
    if (!decision.show || answer.stopsAt === null) return;
    this.#warningIsOpen = true;
    const choice = await vscode.window.showWarningMessage(warningText(answer.stopsAt, Date.now()), KEEP_RUNNING);
    this.#warningIsOpen = false;
    if (choice === KEEP_RUNNING) await this.#keepRunning();
  }

  async #keepRunning(): Promise<void> {
    try {
      const answer = await this.#client.keepRunning();
      this.#show(answer);
      vscode.window.setStatusBarMessage(`$(check) ${explanation(answer, Date.now())}`, 8_000);
    } catch (error) {
      this.#log.info(`Keep running failed. ${message(error)}`);
      void vscode.window.showErrorMessage("VibeCode can't be reached, so it doesn't know yet. Try again in a minute.");
    }
  }

  async #explain(): Promise<void> {
    const answer = await this.#reporter.now();
    if (!answer) {
      void vscode.window.showErrorMessage("VibeCode can't be reached. The workspace goes on running meanwhile.");
      return;
    }
    const text = explanation(answer, Date.now());
    const actions = answer.stopsAt === null ? [] : [KEEP_RUNNING];
    const choice = await vscode.window.showInformationMessage(text, ...actions);
    if (choice === KEEP_RUNNING) await this.#keepRunning();
  }

  async #openDashboard(): Promise<void> {
    const { dashboardUrl } = await this.#client.agentFile().catch(() => ({ dashboardUrl: null }));
    if (dashboardUrl === null) {
      void vscode.window.showErrorMessage("This workspace wasn't told the address of its dashboard.");
      return;
    }
    await vscode.env.openExternal(vscode.Uri.parse(dashboardUrl, true));
  }
}
