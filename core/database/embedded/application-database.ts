import pg from "pg";
import { superuser, type Cluster } from "./cluster.ts";

export interface ApplicationDatabaseOptions {
  cluster: Cluster;
  port: number;
  database: string;
}

/** Not a superuser: what runs here runs on a server of the user's too. */
const role = "ingot";

/** Makes sure of the application's role and database, and answers the URL. */
export async function openApplicationDatabase(options: ApplicationDatabaseOptions): Promise<string> {
  const { cluster, port, database } = options;
  const connectionString = url(superuser, cluster.password, port, "postgres");
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000 });
  // A connection that breaks also fails its query; without a listener it would end the process.
  client.on("error", () => undefined);
  try {
    await client.connect();
    await ensureRole(client, cluster.password);
    await ensureDatabase(client, database);
  } finally {
    await client.end();
  }
  return url(role, cluster.password, port, database);
}

async function ensureRole(client: pg.Client, password: string): Promise<void> {
  const { rowCount } = await client.query("SELECT FROM pg_roles WHERE rolname = $1", [role]);
  if (rowCount) return;
  await client.query(`CREATE ROLE ${role} LOGIN CREATEDB PASSWORD ${pg.escapeLiteral(password)}`);
}

async function ensureDatabase(client: pg.Client, database: string): Promise<void> {
  const { rowCount } = await client.query("SELECT FROM pg_database WHERE datname = $1", [database]);
  if (rowCount) return;
  await client.query(`CREATE DATABASE ${pg.escapeIdentifier(database)} OWNER ${role}`);
}

function url(user: string, password: string, port: number, database: string): string {
  return `postgres://${user}:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
}
