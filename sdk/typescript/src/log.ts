import type { Code } from "./refusal.js";

/** What a receiver tells its operator. It holds no secret, no signature and no body. */
export interface LogEntry {
  readonly level: "info" | "warn" | "error";
  /** The code that was answered; missing where the entry is about no answer. */
  readonly code?: Code;
  /** What failed, in words: more than a sender is told. */
  readonly message: string;
  /** The delivery id of the headers, which nothing vouches for. */
  readonly delivery?: string;
  /** The method, function or event type of a genuine request. */
  readonly condition?: string;
  /** What a handler or a store threw. */
  readonly error?: unknown;
}

/** Takes what a receiver tells. What it throws is passed over. */
export type Log = (entry: LogEntry) => void;

/** Writes an entry to standard error, as one line. */
export const toStderr: Log = ({ level, code, message, delivery, condition, error }) => {
  const words = [`callout ${level}${code ? ` ${code}` : ""}: ${message}`];
  if (condition !== undefined) words.push(`condition=${JSON.stringify(condition)}`);
  if (delivery !== undefined) words.push(`delivery=${JSON.stringify(delivery)}`);
  if (error !== undefined) words.push(`error=${JSON.stringify(error instanceof Error ? (error.stack ?? String(error)) : String(error))}`);
  console.error(words.join(" ").replace(/[\r\n]+/g, " "));
};
