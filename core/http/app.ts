import { randomUUID } from "node:crypto";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import AjvCompiler from "@fastify/ajv-compiler";
import Fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
} from "fastify";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { Log } from "../log.ts";
import { drain } from "./drain.ts";
import { refuseBrokenText } from "./text.ts";
import { describeFailure, renderProblem, type Renderer } from "./render.ts";

/** The application that every service mounts its routes on. */
export type HttpApp = FastifyInstance<
  Server,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

const jsonBodyLimitBytes = 1024 * 1024;

export interface HttpAppOptions {
  log: Log;
  /** Path prefixes that stand for others: clients are configured with addresses that they then add to. */
  aliases?: Readonly<Record<string, string>>;
}

export function createHttpApp({ log, aliases = {} }: HttpAppOptions): HttpApp {
  const logger: FastifyBaseLogger = log;
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    rewriteUrl: ({ url = "/" }) => rewrite(url, aliases),
    bodyLimit: jsonBodyLimitBytes,
    routerOptions: { maxParamLength: 512, ignoreTrailingSlash: true },
    // No route is known yet: the form of our API, with the member that clients of Atlas read.
    frameworkErrors: (error, request, reply) => {
      const { message, ...failure } = describeFailure(error, request.id);
      const rendering = renderProblem({ ...failure, message, details: { errors: [message] } });
      const answer: FastifyReply = reply;
      answer.header("x-request-id", request.id).type(rendering.contentType);
      answer.code(rendering.status).send(JSON.stringify(rendering.body));
    },
    forceCloseConnections: "idle",
    requestTimeout: 0,
    genReqId: (request) => requestIdOf(request),
    schemaController: { compilersFactory: { buildValidator: createValidators as never } },
    ajv: { customOptions: { removeAdditional: false } },
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.addHook("onSend", async (request, reply) => {
    reply.header("x-request-id", request.id);
  });
  app.addHook("onResponse", async (request, reply) => {
    const { method, url, id } = request;
    const data = { requestId: id, method, url, status: reply.statusCode, ms: Math.round(reply.elapsedTime) };
    request.log.debug(data, "request served");
  });
  closeConnections(app);
  refuseBrokenText(app);
  useRenderer(app, renderProblem);
  app.setNotFoundHandler((request, reply) => {
    const detail = `Nothing answers ${request.method} ${request.url.split("?")[0]}`;
    const problem = renderProblem({
      status: 404,
      message: detail,
      details: {},
      requestId: request.id,
      expected: true,
    });
    return reply.code(404).type(problem.contentType).send(JSON.stringify(problem.body));
  });
  return app;
}

/** Renders the errors of every route of this scope; what nobody foresaw is logged with its request id. */
export function useRenderer(app: Pick<HttpApp, "setErrorHandler">, render: Renderer): void {
  app.setErrorHandler(async (error: FastifyError, request, reply) => {
    const failure = describeFailure(error, request.id);
    if (!failure.expected) {
      request.log.error({ requestId: request.id, method: request.method, err: error }, "request failed");
    }
    await drain(request.raw);
    const rendering = render(failure);
    return reply.code(rendering.status).type(rendering.contentType).send(JSON.stringify(rendering.body));
  });
}

const sweepEveryMs = 100;
const patienceMs = 10_000;

/**
 * While the server closes, a connection that falls idle is closed at once, not kept alive until it times out; a request
 * that is still not done after ten seconds, such as an upload, is cut off.
 */
function closeConnections(app: HttpApp): void {
  app.addHook("preClose", async () => {
    const sweep = setInterval(() => app.server.closeIdleConnections(), sweepEveryMs);
    const cut = setTimeout(() => app.server.closeAllConnections(), patienceMs);
    app.server.once("close", () => {
      clearInterval(sweep);
      clearTimeout(cut);
    });
  });
}

function rewrite(url: string, aliases: Readonly<Record<string, string>>): string {
  const alias = Object.keys(aliases).find((prefix) => url.startsWith(prefix));
  return alias === undefined ? url : `${aliases[alias]}${url.slice(alias.length)}`;
}

function requestIdOf(request: IncomingMessage): string {
  const given = request.headers["x-request-id"];
  return typeof given === "string" && /^[A-Za-z0-9._-]{8,128}$/.test(given) ? given : randomUUID();
}

interface RouteSchema {
  httpPart?: string;
}

/** Query, params and headers are text and get coerced; a JSON body is taken as it is. Nothing is dropped. */
function createValidators(externalSchemas: unknown, options: { customOptions?: object }) {
  const build = (coerceTypes: boolean | "array") =>
    AjvCompiler()(externalSchemas as never, {
      ...options,
      customOptions: {
        removeAdditional: false,
        useDefaults: true,
        allErrors: false,
        strict: false,
        coerceTypes,
      },
    });
  const text = build("array");
  const json = build(false);
  return (route: RouteSchema) => (route.httpPart === "body" ? json : text)(route);
}
