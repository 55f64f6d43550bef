import type { Answer } from "./answer.js";
import type { Incoming, Receiver } from "./incoming.js";
import { Refusal } from "./refusal.js";

/** Has a receiver answer a Request. */
export const fetchWith = async (receiver: Receiver, request: Request): Promise<Response> =>
  toResponse(await receiver.receive(fromRequest(request)));

const fromRequest = (request: Request): Incoming => ({
  method: request.method,
  path: new URL(request.url).pathname,
  values: (name) => {
    const value = request.headers.get(name);
    return value === null ? [] : [value];
  },
  headers: () => request.headers,
  body: (max) => read(request, max),
});

const toResponse = ({ status, headers, body }: Answer): Response =>
  new Response(body ?? null, { status, headers });

const read = async (request: Request, max: number): Promise<Uint8Array> => {
  if (request.bodyUsed || request.body?.locked) {
    const fix = "something read the body before the receiver: give it the Request as it came, before json() or text()";
    throw new Refusal("body_consumed", fix);
  }
  if (!request.body) return new Uint8Array();
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = request.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const bytes = part.value as Uint8Array;
    size += bytes.length;
    if (size > max) {
      reader.cancel().catch(() => {});
      throw new Refusal("body_too_large", `the body has more than ${max} bytes`);
    }
    parts.push(bytes);
  }
  return parts.length === 1 ? (parts[0] as Uint8Array) : join(parts, size);
};

/** Joins what was read in parts. */
export const join = (parts: readonly Uint8Array[], size: number): Uint8Array => {
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};
