import type { IncomingMessage } from "node:http";

import type { Incoming, Receiver } from "./incoming.js";
import { fromMessage, keptBytes } from "./node.js";

/** What is used of a Fastify request. */
interface Request {
  readonly method: string;
  readonly raw: IncomingMessage;
  readonly body?: unknown;
  readonly rawBody?: unknown;
}

/** What is used of a Fastify reply. */
interface Reply {
  code(status: number): Reply;
  headers(values: Record<string, string>): Reply;
  send(body?: string): unknown;
}

type Parser = (request: unknown, payload: unknown, done: (error: Error | null, body?: unknown) => void) => void;

/** What is used of a Fastify instance. */
interface Instance {
  removeAllContentTypeParsers(): unknown;
  addContentTypeParser(type: string, parser: Parser): unknown;
  all(path: string, handler: (request: Request, reply: Reply) => unknown): unknown;
}

/**
 * A plugin of Fastify: `app.register(plugin(hooks), { prefix: "/hooks" })`. Within it nothing parses bodies, whatever
 * parsers the application has, so that they are checked as they came.
 */
export const plugin =
  (hooks: Receiver) =>
  (app: Instance, _options: unknown, done: () => void): void => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("*", (_request, _payload, parsed) => parsed(null));
    const receive = async (request: Request, reply: Reply): Promise<unknown> => {
      const { status, headers, body } = await hooks.receive(fromFastify(request));
      reply.code(status).headers({ ...headers });
      return reply.send(body);
    };
    app.all("/", receive);
    app.all("/*", receive);
    done();
  };

const fromFastify = (request: Request): Incoming => {
  const raw = fromMessage(request.raw);
  return {
    ...raw,
    method: request.method,
    body: (max) => {
      const kept = keptBytes(request);
      return kept ? Promise.resolve(kept) : raw.body(max);
    },
  };
};
