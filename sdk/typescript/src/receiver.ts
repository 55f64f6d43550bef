import { type Answer, duplicate, json, ofCall, ofEvent, refused } from "./answer.js";
import { Conditions, type Phase } from "./condition.js";
import { Context } from "./context.js";
import { Deadline, timeFor } from "./deadline.js";
import type { Incoming, Receiver } from "./incoming.js";
import type { JsonObject } from "./json.js";
import { type Log, type LogEntry, toStderr } from "./log.js";
import { type Message, readMessage } from "./message.js";
import { MemoryStore, type Store } from "./once.js";
import type { Options } from "./options.js";
import { Later, Never, Rejection } from "./outcome.js";
import { Refusal } from "./refusal.js";
import type { Soon } from "./soon.js";
import type { Genuine, Verifier } from "./verifier.js";

/** A handler whose types are not known here any more. */
export type AnyHandler = (body: JsonObject, context: Context) => unknown;

/** What is known of a request when it is refused. */
interface Trace {
  readonly incoming: Incoming;
  message?: Message;
}

/** The steps between a request and its answer. */
export class Pipeline implements Receiver {
  readonly handlers: Readonly<Record<Phase, Conditions<AnyHandler>>> = {
    request: new Conditions("request"),
    response: new Conditions("response"),
    function: new Conditions("function"),
    event: new Conditions("event"),
  };
  fallback: AnyHandler | undefined;
  readonly #store: Store;
  readonly #log: Log;
  /** The ids whose handler runs at this moment. */
  readonly #running = new Set<string>();
  /** Requests that are answered, and handlers that run on behind an answer. */
  #begun = 0;
  #draining = false;
  #whenIdle: (() => void)[] = [];

  constructor(
    readonly options: Options,
    readonly verifier: Verifier,
  ) {
    const { maxBody } = options;
    if (maxBody !== undefined && !(Number.isSafeInteger(maxBody) && maxBody > 0)) {
      throw new TypeError("callout: maxBody is a number of bytes");
    }
    this.#store = options.store ?? new MemoryStore();
    this.#log = options.log ?? toStderr;
  }

  /** Takes a request, and answers it; it never rejects. */
  async receive(incoming: Incoming): Promise<Answer> {
    const arrived = Date.now();
    const trace: Trace = { incoming };
    this.#begun++;
    try {
      const max = this.#checkHead(incoming);
      const body = await incoming.body(max);
      if (body.length > max) throw tooLarge(max);
      const checked = this.verifier.check(incoming.values, body);
      const genuine = checked instanceof Promise ? await checked : checked;
      const answer = this.#dispatch(trace, genuine, arrived);
      return answer instanceof Promise ? await answer : answer;
    } catch (fault) {
      return this.#refuse(fault, trace);
    } finally {
      this.#end();
    }
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Takes nothing more, and resolves when what has begun is finished. */
  drain(): Promise<void> {
    this.#draining = true;
    if (this.#begun === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  /** The state of the server that serves this. */
  health(): Answer {
    return this.#draining ? json(503, { status: "draining" }) : json(200, { status: "ok" });
  }

  log(entry: LogEntry): void {
    try {
      this.#log(entry);
    } catch {
      // A log that fails must not fail a delivery.
    }
  }

  /** Checks what can be checked before the body is read, and gives how long it may be. */
  #checkHead({ path, method, values }: Incoming): number {
    const { options } = this;
    if (this.#draining) throw new Refusal("unavailable", "the receiver drains");
    if (options.path !== undefined && path !== options.path) throw new Refusal("not_found", "another path is served");
    if (method !== "POST") throw new Refusal("method_not_allowed", "the method is not POST");
    if (!isTaken(values("content-type")[0] ?? "", options.payload !== undefined)) {
      throw new Refusal("unsupported_media_type", "Content-Type is another one than is taken");
    }
    const encoding = values("content-encoding")[0]?.trim().toLowerCase() || "identity";
    if (encoding !== "identity") throw new Refusal("unsupported_media_type", "the body is compressed");
    const max = options.maxBody ?? 1 << 20;
    if (Number(values("content-length")[0] ?? 0) > max) throw tooLarge(max);
    return max;
  }

  #dispatch(trace: Trace, genuine: Genuine, arrived: number): Soon<Answer> {
    const { incoming } = trace;
    const message = (trace.message = readMessage(genuine.body));
    const deadline = new Deadline(arrived, timeFor(incoming.values("callout-remaining-ms")[0]));
    if (deadline.left() <= 0) throw tooLate();
    const context = new Context(incoming, genuine, deadline);
    const isDelivered = message.phase === "event" || incoming.values("callout-sequence").length > 0;
    const once = isDelivered && !context.test ? context.id : undefined;
    const work = once === undefined ? this.#handle(message, context) : this.#handleOnce(once, message, context);
    return work instanceof Promise ? this.#inTime(trace, work, deadline) : work;
  }

  async #inTime(trace: Trace, work: Promise<Answer>, deadline: Deadline): Promise<Answer> {
    const answer = await deadline.race(work);
    if (answer) return answer;
    this.#begun++; // it runs on behind its answer, and fails into the log alone
    work.catch((fault: unknown) => void this.#refuse(fault, trace)).finally(() => this.#end());
    throw tooLate();
  }

  async #handleOnce(id: string, message: Message, context: Context): Promise<Answer> {
    if (this.#running.has(id)) throw new Refusal("in_progress", "the handler of this delivery runs at this moment");
    this.#running.add(id);
    try {
      if (await this.#ask(() => this.#store.seen(id))) return duplicate;
      const answer = await this.#handle(message, context, () => this.#ask(() => this.#store.done(id)));
      return answer;
    } finally {
      this.#running.delete(id);
    }
  }

  /** Runs the handler, and tells when it has succeeded. */
  #handle(message: Message, context: Context, succeeded?: () => Promise<void>): Soon<Answer> {
    const handler = this.handlers[message.phase].find(message.name) ?? this.fallback;
    if (!handler) throw new Refusal("unknown_condition", `no handler covers the ${message.phase}: is the execution right?`);
    let result: unknown;
    try {
      result = handler(message.body, context);
    } catch (thrown) {
      result = outcomeOf(thrown);
    }
    // One that has answered already is waited for by nobody, and needs no timer.
    if (!isThenable(result)) return this.#finish(message, result, succeeded);
    return Promise.resolve(result).catch(outcomeOf).then((settled) => this.#finish(message, settled, succeeded));
  }

  #finish({ phase }: Message, result: unknown, succeeded?: () => Promise<void>): Soon<Answer> {
    const answer = phase === "event" ? ofEvent(result) : ofCall(result);
    return succeeded && !isOutcome(result) ? succeeded().then(() => answer) : answer;
  }

  async #ask<T>(question: () => T | Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (cause) {
      throw new Refusal("unavailable", "the store of deliveries failed", { cause });
    }
  }

  #refuse(fault: unknown, { incoming, message }: Trace): Answer {
    const refusal = fault instanceof Refusal ? fault : new Refusal("handler_failed", "the receiver failed", { cause: fault });
    const delivery = incoming.values("callout-delivery-id")[0] ?? incoming.values("webhook-id")[0];
    this.log({
      level: refusal.status >= 500 ? "error" : "warn",
      code: refusal.code,
      message: refusal.check,
      ...(delivery === undefined ? {} : { delivery: delivery.slice(0, 255) }),
      ...(message === undefined ? {} : { condition: `${message.phase} ${message.name}`.slice(0, 1024) }),
      ...(refusal.cause === undefined ? {} : { error: refusal.cause }),
    });
    return refused(refusal);
  }

  #end(): void {
    if (--this.#begun > 0) return;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }
}

const bodyTypes: readonly string[] = ["application/json", "application/cloudevents+json"];
const joseTypes: readonly string[] = ["application/jwt", "application/jose"];

const isTaken = (contentType: string, jose: boolean): boolean => {
  if (contentType === bodyTypes[0]) return true;
  const type = contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  return bodyTypes.includes(type) || (jose && joseTypes.includes(type));
};

const tooLarge = (max: number): Refusal => new Refusal("body_too_large", `the body has more than ${max} bytes`);

const tooLate = (): Refusal => new Refusal("handler_timeout", "the handler did not answer in time");

const isOutcome = (value: unknown): boolean =>
  value instanceof Rejection || value instanceof Later || value instanceof Never;

/** What was thrown, where it may as well be returned. Throws a Refusal for anything else. */
const outcomeOf = (thrown: unknown): unknown => {
  if (isOutcome(thrown)) return thrown;
  throw new Refusal("handler_failed", "the handler threw", { cause: thrown });
};

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as PromiseLike<unknown> | null | undefined)?.then === "function";
