import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";

/** A service's access to its own schema: kysely for composed queries, the pool for named hot statements. */
export interface Database<Tables> extends AsyncDisposable {
  readonly kysely: Kysely<Tables>;
  readonly pool: pg.Pool;
}

export interface DatabaseOptions {
  url: string;
  /** The only schema on the search path. */
  schema: string;
  /** Most connections at once. Default 10. */
  connections?: number;
}

export function openDatabase<Tables>({ url, schema, connections = 10 }: DatabaseOptions): Database<Tables> {
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    application_name: `ingot ${schema}`,
    options: `-c search_path=${schema} -c timezone=UTC`,
    connectionTimeoutMillis: 10_000,
    types: { getTypeParser },
  });
  // A connection that breaks is replaced at the next query. Without listeners it would end the process: the pool's
  // while it is idle there, its own while a transaction holds it between two statements.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  const kysely = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  return {
    kysely,
    pool,
    async [Symbol.asyncDispose]() {
      await kysely.destroy();
    },
  };
}

const int8 = 20;

/** int8 as number: every counter of ours stays far below 2^53. */
function getTypeParser(oid: number, format?: "text" | "binary") {
  if (oid === int8) return Number;
  return pg.types.getTypeParser(oid, format);
}
