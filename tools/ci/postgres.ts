import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

export interface Postgres extends AsyncDisposable {
  /** postgres:// URL of a role that may create databases and is no superuser. */
  readonly url: string;
}

const installed = "/usr/lib/postgresql";
const role = "ingot";
const password = "ingot";

/** Starts the PostgreSQL 15 of the machine, installed when missing, on a free loopback port. */
export async function startPostgres(directory: string): Promise<Postgres> {
  const bin = findBinaries() ?? installBinaries();
  const account = unprivileged();
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  openParents(directory);
  const passwords = path.join(directory, "password");
  writeFileSync(passwords, password, { mode: 0o600 });
  if (account) for (const file of [directory, passwords]) chownSync(file, account.uid, account.gid);
  const data = path.join(directory, "data");
  const options = { cwd: directory, stdio: "ignore", ...account } as const;
  const initdb = [
    "-D",
    data,
    "-U",
    "postgres",
    "-A",
    "scram-sha-256",
    `--pwfile=${passwords}`,
    "-E",
    "UTF8",
    "--no-locale",
  ];
  execFileSync(path.join(bin, "initdb"), initdb, options);
  const port = await freePort();
  const listen = ["-c", "listen_addresses=127.0.0.1", "-c", `port=${port}`, "-c", "unix_socket_directories="];
  const server = spawn(path.join(bin, "postgres"), ["-D", data, ...listen], options);
  const admin = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  await createRole(admin);
  return {
    url: `postgres://${role}:${password}@127.0.0.1:${port}/postgres`,
    async [Symbol.asyncDispose]() {
      const exited = once(server, "exit");
      server.kill("SIGINT");
      await exited;
    },
  };
}

function findBinaries(): string | undefined {
  const bin = path.join(installed, "15", "bin");
  return existsSync(path.join(bin, "postgres")) ? bin : undefined;
}

function installBinaries(): string {
  execFileSync("apt-get", ["update", "-qq"], { stdio: "inherit" });
  execFileSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "postgresql-15"], {
    stdio: "inherit",
  });
  const bin = findBinaries();
  if (bin) return bin;
  throw new Error(
    `Cannot find PostgreSQL 15 in "${installed}": there is ${readdirSync(installed).join(", ")}`,
  );
}

/** PostgreSQL refuses root: as root it runs as `postgres`, or else `nobody`. */
function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readFileSync("/etc/passwd", "utf8").split("\n");
  const line =
    accounts.find((each) => each.startsWith("postgres:")) ??
    accounts.find((each) => each.startsWith("nobody:"));
  const [, , uid, gid] = (line ?? "::65534:65534").split(":");
  return { uid: Number(uid), gid: Number(gid) };
}

/** The scratch directory is made for its owner alone; the server's account has to pass through it. */
function openParents(directory: string): void {
  execFileSync("chmod", ["o+x", path.dirname(directory)]);
}

async function createRole(url: string): Promise<void> {
  for (const deadline = Date.now() + 30_000; ; await sleep(100)) {
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      await client.query(`create role ${role} login createdb password '${password}'`);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
