import type { IncomingMessage, ServerResponse } from "node:http";

import type { Answer } from "./answer.js";
import { join } from "./fetch.js";
import type { Incoming, Receiver } from "./incoming.js";
import { Refusal } from "./refusal.js";

/** What frameworks put beside a request of node:http. */
type Message = IncomingMessage & { originalUrl?: unknown; rawBody?: unknown; body?: unknown };

/**
 * The ordinary handler of node:http, Express, Connect and Next's pages: `http.createServer(handler(hooks))`, or
 * `app.post("/hooks", handler(hooks))` before any parser of bodies. It never calls next.
 */
export const handler =
  (hooks: Receiver) =>
  (request: IncomingMessage, response: ServerResponse): void => {
    void hooks.receive(fromMessage(request)).then((answer) => write(response, answer));
  };

/** Reads a request of node:http as a receiver takes it. */
export const fromMessage = (request: Message): Incoming => ({
  method: request.method ?? "",
  path: pathOf(typeof request.originalUrl === "string" ? request.originalUrl : (request.url ?? "")),
  values: (name) => valuesOf(request, name),
  headers: () => headersOf(request),
  body: (max) => read(request, max),
});

const pathOf = (url: string): string => {
  const query = url.indexOf("?");
  const path = query < 0 ? url : url.slice(0, query);
  return path.startsWith("/") ? path : new URL(path || "/", "http://localhost").pathname;
};

/** Writes an answer in the way of node:http. */
export const write = (response: ServerResponse, { status, headers, body }: Answer): void => {
  // A text is sent together with the headers, in one write.
  if (body === undefined) response.writeHead(status, { ...headers }).end();
  else response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) }).end(body);
};

/** Node joins headers that stand twice with `, `; only then is looked closer. */
const valuesOf = (request: IncomingMessage, name: string): readonly string[] => {
  const joined = request.headers[name];
  if (joined === undefined) return [];
  if (typeof joined !== "string") return joined;
  return joined.includes(", ") ? (request.headersDistinct?.[name] ?? [joined]) : [joined];
};

const headersOf = (request: IncomingMessage): Headers => {
  const out = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    for (const one of Array.isArray(value) ? value : [value ?? ""]) out.append(name, one);
  }
  return out;
};

const fix =
  "something parsed the body before the receiver: put the handler before express.json() and the like, or have them " +
  "keep the bytes: express.json({ verify: (req, res, raw) => { req.rawBody = raw } })";

const read = (request: Message, max: number): Promise<Uint8Array> => {
  const kept = keptBytes(request);
  if (kept) return Promise.resolve(kept);
  if (request.readableDidRead || request.readableEnded) return Promise.reject(new Refusal("body_consumed", fix));
  return readStream(request, max);
};

/** The raw bytes, where something kept them: rawBody, or a body that was read and not parsed. */
export const keptBytes = ({ rawBody, body }: { rawBody?: unknown; body?: unknown }): Uint8Array | undefined => {
  if (rawBody instanceof Uint8Array) return rawBody;
  if (typeof rawBody === "string") return new TextEncoder().encode(rawBody);
  return body instanceof Uint8Array ? body : undefined;
};

/** Reads a stream to its end, or to a byte more than the bound. What is longer is thrown away as it comes. */
export const readStream = (request: IncomingMessage, max: number): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    let size = 0;
    const onData = (part: Uint8Array) => {
      size += part.length;
      if (size <= max) return void parts.push(part);
      request.off("data", onData); // it flows on, so that the sender, who is still writing, reads the answer
      reject(new Refusal("body_too_large", `the body has more than ${max} bytes`));
    };
    request.on("data", onData);
    request.on("end", () => resolve(parts.length === 1 ? (parts[0] as Uint8Array) : join(parts, size)));
    const brokeOff = () => {
      if (!request.complete) reject(new Refusal("malformed", "the body broke off"));
    };
    request.on("error", brokeOff);
    request.on("close", brokeOff);
  });
