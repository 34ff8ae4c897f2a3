import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { chooseAccount } from "#core/database/embedded/account.ts";
import { findServers } from "#core/database/embedded/servers.ts";
import { findProcesses, signal } from "./processes.ts";
import { callApi, type CallOptions, type Reply } from "./call.ts";

const program = path.resolve(import.meta.dirname, "../../app/ingot.js");

export interface IngotOptions {
  /** Settings as environment variables. Without DATABASE_URL it has its embedded PostgreSQL, as users have. */
  settings?: Record<string, string>;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** What it printed. */
  output: string;
}

/** `ingot start` as a process of its own, on a data directory of its own, that a test may kill and start again. */
export async function startIngot({ settings = {} }: IngotOptions = {}): Promise<Ingot> {
  const dataDir = await mkdtemp(path.join(tmpdir(), "ingot-faults-"));
  const ingot = new Ingot(dataDir, settings);
  try {
    await ingot.start();
    return ingot;
  } catch (error) {
    await ingot[Symbol.asyncDispose]();
    throw error;
  }
}

export class Ingot implements AsyncDisposable {
  readonly dataDir: string;
  /** Known after the first start, and the same after every other. */
  url = "";
  token = "";
  readonly #settings: Record<string, string>;
  #child: ChildProcess | undefined;
  #output = "";

  constructor(dataDir: string, settings: Record<string, string>) {
    this.dataDir = dataDir;
    this.#settings = settings;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts it, again too, at the address that it had; returns when it listens. */
  async start(): Promise<void> {
    const child = this.#spawn();
    this.url = await this.#readUrl(child);
    this.token = (await readFile(path.join(this.dataDir, "admin-token"), "utf8")).trim();
  }

  /** Another process on the same data directory; answers how it ended. */
  async startSecond(): Promise<Exit> {
    const child = this.#spawnWith({ INGOT_LISTEN: "127.0.0.1:0" });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (text) => (output += String(text)));
    return { ...(await exitOf(child)), output };
  }

  /** Ends the process; its PostgreSQL goes on by itself, and so does Terraform. */
  async kill(): Promise<void> {
    await this.#send("SIGKILL");
  }

  /** Ends the process and all that it has started at one moment, as a power cut does. */
  async killEverything(): Promise<void> {
    const pids = [...(await this.#findPostgres()), ...(await this.#findTerraform())];
    const exited = this.#send("SIGKILL");
    for (const pid of pids) signal(pid, "SIGKILL");
    await exited;
  }

  /** Stops the clock of the process: what it has asked the database for still happens. */
  freeze(): void {
    signal(this.pid, "SIGSTOP");
  }

  /** Asks it to stop in order; throws when it does not within 40 seconds. */
  async stop(): Promise<Exit> {
    const exited = this.#send("SIGTERM");
    using timer = new DisposableStack();
    const late = new Promise<never>((_resolve, reject) => {
      const timeout = setTimeout(() => reject(new Error("Ingot did not stop within 40 s")), 40_000);
      timer.defer(() => clearTimeout(timeout));
    });
    return { ...(await Promise.race([exited, late])), output: this.#output };
  }

  call(method: string, route: string, { token = this.token, ...options }: CallOptions = {}): Promise<Reply> {
    return callApi(method, `${this.url}${route}`, { token, ...options });
  }

  /** The database that it works on, for a connection of the test's own. */
  async databaseUrl(): Promise<string> {
    const given = this.#settings["DATABASE_URL"];
    if (given) return given;
    const cluster = path.join(this.dataDir, "postgres/cluster");
    const password = await readFile(path.join(cluster, "password"), "utf8");
    const port = (await readFile(path.join(cluster, "data/postmaster.pid"), "utf8")).split("\n")[3];
    return `postgres://postgres:${password}@127.0.0.1:${port}/ingot`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.killEverything();
    await rm(this.dataDir, { recursive: true, force: true, maxRetries: 5 });
  }

  #spawn(): ChildProcess {
    const child = this.#spawnWith({ INGOT_LISTEN: this.url ? new URL(this.url).host : "127.0.0.1:0" });
    this.#child = child;
    this.#output = "";
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (text) => (this.#output += String(text)));
    return child;
  }

  #spawnWith(settings: Record<string, string>): ChildProcess {
    return spawn(process.execPath, [program, "start"], {
      cwd: tmpdir(),
      env: {
        PATH: process.env["PATH"],
        INGOT_DATA_DIR: this.dataDir,
        INGOT_LOG: "info",
        ...this.#settings,
        ...settings,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  async #readUrl(child: ChildProcess): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    child.stdout?.on("data", () => {
      const url = /^Ingot is ready: (\S+)$/m.exec(this.#output)?.[1];
      if (url) resolve(url);
    });
    child.once("exit", () => reject(new Error(`Ingot ended while it started: ${this.#output}`)));
    return promise;
  }

  async #send(name: NodeJS.Signals): Promise<Omit<Exit, "output">> {
    const child = this.#child;
    if (!child) return { code: null, signal: null };
    const exited = exitOf(child);
    child.kill(name);
    return exited;
  }

  async #findPostgres(): Promise<number[]> {
    if (this.#settings["DATABASE_URL"]) return [];
    const cluster = path.join(this.dataDir, "postgres/cluster");
    const account = await chooseAccount(this.dataDir, cluster);
    return findServers(path.join(cluster, "data"), account).catch(() => []);
  }

  async #findTerraform(): Promise<number[]> {
    return this.url ? findProcesses(`INGOT_URL=${this.url}`) : [];
  }
}

async function exitOf(child: ChildProcess): Promise<Omit<Exit, "output">> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return { code: child.exitCode, signal: child.signalCode };
}
