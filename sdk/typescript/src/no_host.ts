// Stands in the place of host.ts where there is no Node.js, so that bundlers for other run times find no node: module.
import type { Pipeline } from "./receiver.js";
import type { ServeOptions, Server } from "./serving.js";

const missing = (what: string): Promise<never> =>
  Promise.reject(new Error(`callout: ${what} needs Node.js, Deno or Bun; elsewhere export { fetch: hooks.fetch }`));

export const serve = (_pipeline: Pipeline, _port: number, _options: ServeOptions): Promise<Server> => missing("serve");
export const readText = (_path: string): Promise<string> => missing("CALLOUT_PRIVATE_KEYS");
