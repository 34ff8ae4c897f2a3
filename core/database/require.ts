import pg from "pg";
import { messageOf, UnavailableError } from "../errors.ts";

/** Oldest PostgreSQL that works, as `server_version_num`. */
const oldestVersion = 150_000;

export class DatabaseUnusableError extends UnavailableError {
  constructor(url: string, problem: string, options?: ErrorOptions) {
    const { host, pathname } = new URL(url);
    super(`Cannot use the database "${host}${pathname}": ${problem}`, options);
  }
}

/** Throws DatabaseUnusableError unless the server answers and is new enough. */
export async function requireDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ name: string; version: number }>(
      "select current_setting('server_version') as name, current_setting('server_version_num')::int as version",
    );
    const [{ name, version } = { name: "unknown", version: 0 }] = rows;
    if (version < oldestVersion) throw new Error(`it is PostgreSQL ${name}, expected 15 or newer`);
  } catch (error) {
    throw new DatabaseUnusableError(url, messageOf(error), { cause: error });
  } finally {
    await client.end().catch(() => undefined);
  }
}
