import type { Answer } from "./answer.js";
import type { Values } from "./verifier.js";

/** A request, as a run time hands it over. */
export interface Incoming {
  readonly method: string;
  /** The path of the URL, without a query. */
  readonly path: string;
  readonly values: Values;
  /** All headers; made when somebody asks for them. */
  headers(): Headers;
  /** Reads the body, of at most so many bytes. Rejects with a Refusal: body_too_large or body_consumed. */
  body(max: number): Promise<Uint8Array>;
}

/** What an adapter needs of a receiver. */
export interface Receiver {
  receive(incoming: Incoming): Promise<Answer>;
}
