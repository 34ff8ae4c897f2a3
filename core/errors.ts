/**
 * The conditions a caller can meet. Domain code throws subclasses that build their own message and knows
 * nothing of HTTP; a renderer at the edge turns the family into a status.
 */
export abstract class DomainError extends Error {
  /** Extra members of the rendered problem, such as the choices of an ambiguous look-up. */
  readonly details?: Readonly<Record<string, unknown>>;

  constructor(message: string, options?: ErrorOptions & { details?: Readonly<Record<string, unknown>> }) {
    super(message, options);
    this.name = new.target.name;
    if (options?.details) this.details = options.details;
  }
}

/** The request is well-formed but breaks a rule. */
export class InvalidError extends DomainError {}
/** The caller gave no valid credentials. */
export class UnauthorizedError extends DomainError {}
/** The caller may see the thing but not do this to it. */
export class ForbiddenError extends DomainError {}
/** The thing does not exist, or the caller may not see it. */
export class NotFoundError extends DomainError {}
/** The thing is in a state that does not allow this. */
export class ConflictError extends DomainError {}
/** Somebody else holds the lock. */
export class LockedError extends DomainError {}
/** The body is larger than allowed. */
export class TooLargeError extends DomainError {}
/** Something that is needed does not answer; trying again later can help. */
export class UnavailableError extends DomainError {}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A code of the operating system or of PostgreSQL: `ENOENT`, `23505`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
