import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { handler, write } from "./node.js";
import type { Pipeline } from "./receiver.js";
import type { ServeOptions, Server } from "./serving.js";

const arrival = 10_000; // ms for headers and body
const grace = 10_000; // ms for what has begun, once it drains

/** Starts a server on a port, and resolves when it listens. */
export const serve = async (pipeline: Pipeline, port: number, options: ServeOptions): Promise<Server> => {
  const limits = { maxHeaderSize: 64 << 10, headersTimeout: arrival, requestTimeout: arrival, connectionsCheckingInterval: 1000 };
  const receive = handler(pipeline);
  const server = createServer(limits, (request, response) => {
    if (pipeline.draining) response.setHeader("connection", "close");
    if (request.method === "GET" && request.url === "/healthz") answerHealth(pipeline, request, response);
    else receive(request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, options.host, () => resolve(server.removeListener("error", reject) && undefined));
  });
  const close = once(async () => {
    const cut = setTimeout(() => server.closeAllConnections(), grace).unref();
    // It listens on while something is under way, so that who asks is told that it drains.
    await Promise.race([pipeline.drain(), new Promise((resolve) => setTimeout(resolve, grace).unref())]);
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeIdleConnections();
    });
    clearTimeout(cut);
  });
  const bound = server.address() as AddressInfo;
  const url = `http://${hostOf(bound)}:${bound.port}`;
  if (options.signals !== false) endUponSignals(close);
  console.log(`listening on ${url}`);
  return { port: bound.port, url, close };
};

const answerHealth = (pipeline: Pipeline, request: IncomingMessage, response: ServerResponse): void => {
  request.resume();
  write(response, pipeline.health());
};

/** How the address is dialled from this machine. */
const hostOf = ({ address, family }: AddressInfo): string => {
  if (address === "::" || address === "0.0.0.0") return "127.0.0.1";
  return family === "IPv6" ? `[${address}]` : address;
};

const once = (close: () => Promise<void>): (() => Promise<void>) => {
  let closing: Promise<void> | undefined;
  return () => (closing ??= close());
};

const endUponSignals = (close: () => Promise<void>): void => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void close().then(() => process.exit(0)));
};

/** Reads a file of a private key. */
export const readText = (path: string): Promise<string> => readFile(path, "utf8");
