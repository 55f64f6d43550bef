import type { Deadline } from "./deadline.js";
import type { Incoming } from "./incoming.js";
import type { Genuine } from "./verifier.js";

/** The event that a delivery is of, as its headers name it. */
export interface EventInfo {
  /** What publishing the event returned: the same for every target that gets it. */
  readonly id: string | undefined;
  readonly type: string | undefined;
  /** When it was stored, RFC 3339. */
  readonly time: string | undefined;
}

/** What a handler is told beside the body. Nothing of it but `id` of Standard Webhooks and of a JWT is signed. */
export class Context {
  readonly #incoming: Incoming;
  readonly #genuine: Genuine;
  readonly #deadline: Deadline;

  /** @internal */
  constructor(incoming: Incoming, genuine: Genuine, deadline: Deadline) {
    this.#incoming = incoming;
    this.#genuine = genuine;
    this.#deadline = deadline;
  }

  /** The delivery id: the same on every attempt. */
  get id(): string | undefined {
    return this.#genuine.id;
  }

  /** Which attempt this is, counted from 1. */
  get attempt(): number {
    return this.#number("callout-attempt") ?? 1;
  }

  /** Aborted, with a TimeoutError, when nobody waits for the answer any more. Give it to fetch and the like. */
  get signal(): AbortSignal {
    return this.#deadline.signal;
  }

  /** When that is. */
  get deadline(): Date {
    return new Date(this.#deadline.at);
  }

  /** Milliseconds until then. */
  remaining(): number {
    return this.#deadline.left();
  }

  /** The name of the target in Callout's configuration. */
  get target(): string | undefined {
    return this.#text("callout-target");
  }

  /** The instance, that is the tenant. */
  get instance(): string | undefined {
    return this.#text("callout-instance");
  }

  /** The organization; undefined where none is named. */
  get org(): string | undefined {
    return this.#text("callout-org");
  }

  get event(): EventInfo {
    return {
      id: this.#text("callout-event-id"),
      type: this.#text("callout-event-type"),
      time: this.#text("callout-event-time"),
    };
  }

  /** The number of the message in its stream, which grows along a line; undefined in a call that somebody waits for. */
  get sequence(): number | undefined {
    return this.#number("callout-sequence");
  }

  /** A sample: nobody stored it, keep nothing of it. */
  get test(): boolean {
    return this.#is("callout-test");
  }

  /** An event that somebody sends again on purpose. */
  get replay(): boolean {
    return this.#is("callout-replay");
  }

  /** A dead letter that somebody sends again. */
  get redrive(): boolean {
    return this.#is("callout-redrive");
  }

  /** All headers as they came. */
  get headers(): Headers {
    return this.#incoming.headers();
  }

  /** The bytes of the JSON that was read: the body as it came, or the payload of its JWT. Numbers keep all digits here. */
  get rawBody(): Uint8Array {
    return this.#genuine.body;
  }

  #value(name: string): string | undefined {
    return this.#incoming.values(name)[0] || undefined;
  }

  /** Callout percent-encodes what is no visible ASCII. */
  #text(name: string): string | undefined {
    const value = this.#value(name);
    if (!value?.includes("%")) return value;
    try {
      return decodeURIComponent(value);
    } catch {
      return value;
    }
  }

  #number(name: string): number | undefined {
    const value = this.#value(name) ?? "";
    return /^[0-9]{1,20}$/.test(value) ? Number(value) : undefined;
  }

  #is(name: string): boolean {
    return this.#value(name) === "true";
  }
}
