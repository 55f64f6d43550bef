import type { Answer } from "./answer.js";
import type * as contract from "./contract.js";
import { fetchWith } from "./fetch.js";
import type { Incoming, Receiver } from "./incoming.js";
import { fromEnvironment, type Options } from "./options.js";
import { type AnyHandler, Pipeline } from "./receiver.js";
import type { ServeOptions, Server } from "./serving.js";
import { Verifier } from "./verifier.js";

/**
 * A target: its handlers, and the receiver in front of them. It is also what run times with `fetch` export:
 * `export default hooks`. Made by {@link callout}. It may be used concurrently.
 */
export class Hooks<C = object> implements Receiver {
  readonly #pipeline: Pipeline;

  /** Use {@link callout}. Throws a TypeError for options that are wrong, and without anything to check requests with. */
  constructor(options: Options = {}) {
    const { keys, jwks, payload, unsigned } = options;
    const isTold = [keys, jwks, payload].some((one) => one !== undefined) || unsigned === true;
    if (isTold) {
      this.#pipeline = new Pipeline(options, new Verifier(options));
    } else {
      const found = fromEnvironment();
      const given = Object.entries(options).filter(([, value]) => value !== undefined);
      const all: Options = { ...found.options, ...Object.fromEntries(given) };
      const paths = Object.keys(found.keyPaths).length > 0 ? found.keyPaths : undefined;
      this.#pipeline = new Pipeline(all, new Verifier(all, paths && (() => readAll(paths))));
    }
  }

  /**
   * Handles requests, before the core does: what is returned is merged into the request, nothing leaves it as it is.
   * The condition is `/pkg.Service/Method`, `pkg.Service` or `*`; the most exact one alone runs. Throws a TypeError for
   * one that is none, or that has a handler.
   */
  request<K extends contract.MethodCondition<C>, A extends contract.RequestAnswer<C, K>>(
    condition: K,
    handler: contract.RequestHandler<C, K, A>,
  ): this {
    this.#pipeline.handlers.request.set(condition, handler as unknown as AnyHandler);
    return this;
  }

  /** Handles responses, before the caller gets them, and what async targets are sent. As {@link Hooks.request}. */
  response<K extends contract.MethodCondition<C>, A extends contract.ResponseAnswer<C, K>>(
    condition: K,
    handler: contract.ResponseHandler<C, K, A>,
  ): this {
    this.#pipeline.handlers.response.set(condition, handler as unknown as AnyHandler);
    return this;
  }

  /** Handles a function: what is returned is its answer, such as `claim("uid", user.id)`. */
  function<K extends contract.FunctionCondition<C>>(name: K, handler: contract.FunctionHandler<C, K>): this {
    this.#pipeline.handlers.function.set(name, handler as unknown as AnyHandler);
    return this;
  }

  /**
   * Handles events: a type, a group such as `user.*`, or `*`. It is done when the handler succeeds; one that throws
   * gets the event again. `later()` and `never()` say so on purpose.
   */
  event<K extends contract.EventCondition<C>>(condition: K, handler: contract.EventHandler<C, K>): this {
    this.#pipeline.handlers.event.set(condition, handler as unknown as AnyHandler);
    return this;
  }

  /** Handles what no other handler covers. Without it that is 404 unknown_condition, so that a wrong execution is seen. */
  fallback(handler: contract.Fallback): this {
    if (this.#pipeline.fallback) throw new TypeError("callout: there is a fallback already");
    this.#pipeline.fallback = handler;
    return this;
  }

  /** The ordinary handler of run times with `fetch`: Hono, Next, Workers, Deno, Bun. It never rejects. */
  readonly fetch = (request: Request): Promise<Response> => fetchWith(this, request);

  /** Imports the keys, and rejects for one that is broken. The first request does the same, and is 503 then. */
  ready(): Promise<void> {
    return this.#pipeline.verifier.ready();
  }

  /**
   * Starts a server (Node.js, Deno, Bun). It writes one line that names its address, answers GET /healthz, and upon
   * SIGTERM or SIGINT takes nothing more, finishes what it has begun within 10 seconds, and ends the process with 0.
   * Port 0 is any that is free. Resolves when it listens.
   */
  async serve(port: number, options: ServeOptions = {}): Promise<Server> {
    const host = await import("#host");
    await this.ready();
    return host.serve(this.#pipeline, port, options);
  }

  /** Takes a request of any run time. For who writes an adapter; it never rejects. */
  receive(incoming: Incoming): Promise<Answer> {
    return this.#pipeline.receive(incoming);
  }

  /** Takes nothing more: every request is 503 from now on. Resolves when what has begun is finished. */
  drain(): Promise<void> {
    return this.#pipeline.drain();
  }
}

const readAll = async (paths: Readonly<Record<string, string>>): Promise<Record<string, string>> => {
  const { readText } = await import("#host");
  return Object.fromEntries(await Promise.all(Object.entries(paths).map(async ([kid, path]) => [kid, await readText(path)])));
};

/**
 * Makes a target. Without keys, jwks, payload or unsigned it reads from the environment what is genuine: CALLOUT_KEYS
 * and so on. With a type parameter, conditions and members of bodies are checked when the program is compiled:
 * {@link contract.Contract}. Throws a TypeError for options that are wrong, and without anything to check with.
 */
export const callout = <C extends contract.Contract = object>(options: Options = {}): Hooks<C> => new Hooks<C>(options);
