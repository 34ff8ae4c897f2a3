import { STATUS_CODES } from "node:http";
import {
  ConflictError,
  DomainError,
  ForbiddenError,
  InvalidError,
  LockedError,
  NotFoundError,
  TooLargeError,
  UnauthorizedError,
  UnavailableError,
} from "../errors.ts";

/** What any renderer needs of an error: nothing else of it leaves the process. */
export interface Failure {
  status: number;
  /** Safe to show. */
  message: string;
  details: Readonly<Record<string, unknown>>;
  requestId: string;
  /** False for a condition that nobody foresaw. */
  expected: boolean;
}

export interface Rendering {
  status: number;
  contentType: string;
  body: unknown;
}

export type Renderer = (failure: Failure) => Rendering;

const statuses: readonly [abstract new (...args: never[]) => DomainError, number][] = [
  [InvalidError, 422],
  [UnauthorizedError, 401],
  [ForbiddenError, 403],
  [NotFoundError, 404],
  [ConflictError, 409],
  [LockedError, 423],
  [TooLargeError, 413],
  [UnavailableError, 503],
];

interface FrameworkError {
  statusCode?: number;
  message: string;
  validation?: readonly { instancePath: string; message?: string; params?: Record<string, unknown> }[];
  validationContext?: string;
}

export function describeFailure(error: unknown, requestId: string): Failure {
  if (error instanceof DomainError) {
    const status = statuses.find(([family]) => error instanceof family)?.[1] ?? 500;
    return {
      status,
      message: error.message,
      details: error.details ?? {},
      requestId,
      expected: status < 500,
    };
  }
  const framework = (error ?? {}) as FrameworkError;
  if (framework.validation) {
    return { status: 400, message: describeValidation(framework), details: {}, requestId, expected: true };
  }
  const status = framework.statusCode ?? 500;
  if (status >= 400 && status < 500) {
    return { status, message: framework.message, details: {}, requestId, expected: true };
  }
  const message = `Internal error: the log has more under request id ${requestId}`;
  return { status: 500, message, details: {}, requestId, expected: false };
}

function describeValidation({ validation, validationContext }: FrameworkError): string {
  const where = validationContext ?? "request";
  const faults = (validation ?? []).map(({ instancePath, message, params }) => {
    const field = instancePath.replaceAll("/", ".");
    const extra = params?.["additionalProperty"] ?? params?.["allowedValues"];
    const more = extra === undefined ? "" : ` (${JSON.stringify(extra)})`;
    return `${where}${field} ${message ?? "is invalid"}${more}`;
  });
  return `Invalid ${where}: ${faults.join("; ")}`;
}

/** RFC 9457. */
export const renderProblem: Renderer = ({ status, message, details, requestId }) => ({
  status,
  contentType: "application/problem+json",
  body: {
    ...details,
    type: "about:blank",
    title: STATUS_CODES[status] ?? "Error",
    status,
    detail: message,
    requestId,
  },
});

/** `{"errors": ["text"]}`. */
export const renderErrorList: Renderer = ({ status, message }) => ({
  status,
  contentType: "application/json; charset=utf-8",
  body: { success: false, errors: [message] },
});

const rpcCodes: Readonly<Record<number, number>> = {
  400: 3,
  401: 16,
  403: 7,
  404: 5,
  409: 6,
  413: 11,
  422: 3,
  423: 9,
  429: 8,
  503: 14,
};

/** google.rpc.Status in JSON. */
export const renderRpcStatus: Renderer = ({ status, message }) => ({
  status,
  contentType: "application/json; charset=utf-8",
  body: { code: rpcCodes[status] ?? (status < 500 ? 3 : 13), message, details: [] },
});
