import { UnavailableError, messageOf, InvalidError } from "#core/errors.ts";

export interface ResolverQuestion {
  reference: string;
  /** Artifact type; empty for any. */
  type: string;
  /** Empty for any. */
  region: string;
}

export interface Resolved {
  /** `acmeinc/web` */
  artifact: string;
  version: number;
  type: string;
  /** Null for a build whose image is in no region. */
  region: string | null;
  /** The image: `ami-3a0a1d52`. */
  id: string;
}

/** The registry's look-up, as a run's token may use it. */
export interface Resolver {
  resolve(question: ResolverQuestion, token: string): Promise<Resolved>;
}

export class InputUnresolvedError extends InvalidError {
  constructor(variable: string, reference: string, options: { cause: unknown }) {
    super(`Cannot resolve the input "${variable}" = "${reference}": ${messageOf(options.cause)}`, options);
  }
}

const timeoutMs = 15_000;

/** Asks `GET /api/v2/resolve/…` of the registry at `url`. */
export function createHttpResolver(url: () => string): Resolver {
  return {
    async resolve({ reference, type, region }, token) {
      const query = new URLSearchParams({ ...(type && { type }), ...(region && { region }) });
      const response = await ask(`${url()}/api/v2/resolve/${reference}?${query.toString()}`, token);
      const body = (await response.json().catch(() => ({}))) as Partial<Resolved> & { detail?: string };
      const { artifact, version, type: found, region: place = null, id } = body;
      if (response.ok && artifact && version && found && id) {
        return { artifact, version, type: found, region: place, id };
      }
      throw new InvalidError(body.detail ?? `the registry answered ${response.status}`);
    },
  };
}

async function ask(url: string, token: string): Promise<Response> {
  try {
    const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
    return await fetch(url, { headers, signal: AbortSignal.timeout(timeoutMs) });
  } catch (error) {
    throw new UnavailableError(`the registry does not answer: ${messageOf(error)}`, { cause: error });
  }
}
