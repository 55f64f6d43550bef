import type { Answer } from "./answer.js";
import type { Incoming, Receiver } from "./incoming.js";
import { Refusal } from "./refusal.js";

type HeaderMap = Readonly<Record<string, string | undefined>>;
type MultiHeaderMap = Readonly<Record<string, readonly string[] | undefined>>;

/** What is used of an event of an HTTP API, a function URL, a REST API or a load balancer. */
export interface LambdaEvent {
  readonly body?: unknown;
  readonly rawBody?: unknown;
  readonly isBase64Encoded?: boolean;
  readonly headers?: HeaderMap | null;
  readonly multiValueHeaders?: MultiHeaderMap | null;
  readonly httpMethod?: string;
  readonly path?: string;
  readonly rawPath?: string;
  readonly requestContext?: { readonly http?: { readonly method?: string } } | object;
}

/** What a function answers. */
export interface LambdaResult {
  statusCode: number;
  headers: Record<string, string>;
  /** For a load balancer with multi-value headers, which reads no others. */
  multiValueHeaders?: Record<string, string[]>;
  body: string;
  isBase64Encoded: false;
}

/** The ordinary handler of AWS Lambda: `export const main = handler(hooks)`. */
export const handler =
  (hooks: Receiver) =>
  async (event: LambdaEvent): Promise<LambdaResult> =>
    toResult(event, await hooks.receive(fromEvent(event)));

const fromEvent = (event: LambdaEvent): Incoming => {
  const all = new Map<string, string[]>();
  for (const [name, value] of Object.entries(event.headers ?? {})) {
    if (value !== undefined) all.set(name.toLowerCase(), [value]);
  }
  for (const [name, values] of Object.entries(event.multiValueHeaders ?? {})) {
    if (values) all.set(name.toLowerCase(), [...values]);
  }
  const http = (event.requestContext as { http?: { method?: string } } | undefined)?.http;
  return {
    method: event.httpMethod ?? http?.method ?? "",
    path: event.rawPath ?? event.path ?? "/",
    values: (name) => all.get(name) ?? [],
    headers: () => new Headers([...all].flatMap(([name, values]) => values.map((value): [string, string] => [name, value]))),
    body: async () => bodyOf(event),
  };
};

const bodyOf = ({ body, rawBody, isBase64Encoded }: LambdaEvent): Uint8Array => {
  const kept = rawBody ?? body ?? "";
  if (kept instanceof Uint8Array) return kept;
  if (typeof kept !== "string") {
    throw new Refusal("body_consumed", "something parsed the body before the receiver: take the middleware that reads JSON away");
  }
  return isBase64Encoded ? Uint8Array.from(atob(kept), (c) => c.charCodeAt(0)) : new TextEncoder().encode(kept);
};

const toResult = (event: LambdaEvent, { status, headers, body }: Answer): LambdaResult => ({
  statusCode: status,
  headers: { ...headers },
  ...(event.multiValueHeaders && !event.headers
    ? { multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])) }
    : {}),
  body: body ?? "",
  isBase64Encoded: false,
});
