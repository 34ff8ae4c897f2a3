import { ConflictError, InvalidError, LockedError, messageOf } from "#core/errors.ts";
import { SettingError } from "#core/settings.ts";

/** What scripts can tell apart; `ingot --help` lists them. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  denied: 4,
  unreachable: 5,
  conflict: 6,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a command with a message and an exit code. */
export abstract class CommandError extends Error {
  abstract readonly exitCode: ExitCode;
  /** Lines below the message: what to choose from, what to do. */
  readonly notes: readonly string[];

  constructor(
    message: string,
    { notes = [], ...options }: ErrorOptions & { notes?: readonly string[] } = {},
  ) {
    super(message, options);
    this.notes = notes;
  }
}

/** The command line asks for something that cannot be meant. */
export class UsageError extends CommandError {
  override readonly name = "UsageError";
  readonly exitCode = exitCodes.usage;
}

/** What was asked has been done and came out badly: a run errored, the server is not ready. */
export class FailedError extends CommandError {
  override readonly name = "FailedError";
  readonly exitCode = exitCodes.failed;
}

export class UnreachableError extends CommandError {
  override readonly name = "UnreachableError";
  readonly exitCode = exitCodes.unreachable;
}

export class NotFoundError extends CommandError {
  override readonly name = "NotFoundError";
  readonly exitCode = exitCodes.notFound;
}

/** The server answered with a problem. */
export class RefusedError extends CommandError {
  override readonly name = "RefusedError";
  readonly status: number;

  constructor(status: number, detail: string, notes: readonly string[] = []) {
    super(detail, { notes });
    this.status = status;
  }

  get exitCode(): ExitCode {
    return exitCodeOfStatus(this.status);
  }
}

function exitCodeOfStatus(status: number): ExitCode {
  if (status === 401 || status === 403) return exitCodes.denied;
  if (status === 404) return exitCodes.notFound;
  if (status === 409 || status === 423) return exitCodes.conflict;
  return exitCodes.failed;
}

/** What the user reads, and the exit code; never a stack. */
export function describeError(error: unknown): { lines: string[]; exitCode: ExitCode } {
  if (error instanceof CommandError) {
    return { lines: [error.message, ...error.notes], exitCode: error.exitCode };
  }
  return { lines: [messageOf(error)], exitCode: exitCodeOf(error) };
}

/** A directory that cannot be packed, a setting that cannot be read; a data directory that another server has. */
function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof InvalidError || error instanceof SettingError) return exitCodes.usage;
  if (error instanceof ConflictError || error instanceof LockedError) return exitCodes.conflict;
  return error instanceof Error && error.name === "UnknownServiceError" ? exitCodes.usage : exitCodes.failed;
}
