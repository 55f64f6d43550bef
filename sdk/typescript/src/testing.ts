import type { JsonObject } from "./json.js";
import { fromEnvironment, type Scheme } from "./options.js";
import { signHeaders } from "./sign.js";

/** What a delivery of a test is like. What is not said is as Callout sends it. */
export interface DeliveryOptions {
  /** The delivery id; a new one for each delivery unless it is given. */
  readonly id?: string;
  /** Which attempt it is; 1 unless it is given. */
  readonly attempt?: number;
  /** Milliseconds until nobody waits any more; 10,000 unless it is given. */
  readonly remaining?: number;
  /** When it was signed; now unless it is given. */
  readonly signedAt?: Date;
  /** The number in its stream: an event has one, and a call that is given one is of an async target. */
  readonly sequence?: number;
  readonly target?: string;
  readonly instance?: string;
  readonly org?: string;
  readonly eventId?: string;
  readonly eventTime?: Date;
  /** A sample that nobody stored. */
  readonly test?: boolean;
  readonly replay?: boolean;
  readonly redrive?: boolean;
  /** An event as one object with its body as data, instead of by ce- headers. */
  readonly structured?: boolean;
  /** Headers beside these, or in the place of some. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** How a kit signs. */
export interface KitOptions {
  /** A key that signs: whsec_, whsk_ or a secret of ZITADEL's. The first of CALLOUT_KEYS unless it is given. */
  readonly key?: string;
  /** With which schemes; all that the key is for unless it is given. */
  readonly schemes?: readonly Scheme[];
  /** Where the receiver is; http://localhost/ unless it is given. */
  readonly url?: string;
}

/** What was answered. */
export interface Delivered {
  readonly status: number;
  readonly headers: Headers;
  /** The JSON of the answer; undefined where there is none. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly json: any;
}

/** What a kit delivers to: hooks, or whatever else has fetch. */
interface Fetcher {
  fetch(request: Request): Response | Promise<Response>;
}

/** Signs deliveries of any condition and hands them to a receiver, without a port. */
export class TestKit {
  readonly #key: string;
  readonly #schemes: readonly Scheme[];
  readonly #url: string;

  /** Use {@link testKit}. Throws a TypeError without a key. */
  constructor(
    readonly hooks: Fetcher,
    options: KitOptions = {},
  ) {
    const key = options.key ?? [fromEnvironment().options.keys ?? []].flat()[0];
    if (key === undefined) throw new TypeError("callout: a test kit needs a key that signs");
    this.#key = key;
    this.#schemes = options.schemes ?? ["zitadel", "standard", "standard_v1a"];
    this.#url = options.url ?? "http://localhost/";
  }

  /** Delivers a request: `body` is what stands beside fullMethod, such as `{ request: { … } }`. */
  request(fullMethod: string, body: { request: object } & JsonObject, options: DeliveryOptions = {}): Promise<Delivered> {
    return this.deliver({ fullMethod, ...body }, options);
  }

  /** Delivers a response. */
  response(fullMethod: string, body: { request: object; response: object } & JsonObject, options: DeliveryOptions = {}): Promise<Delivered> {
    return this.deliver({ fullMethod, ...body }, options);
  }

  /** Delivers a function: `body` is what the core gives it. */
  function(name: string, body: object, options: DeliveryOptions = {}): Promise<Delivered> {
    return this.deliver({ function: name.startsWith("function/") ? name : `function/${name}`, ...body }, options);
  }

  /** Delivers an event: `body` is what stands beside event_type, such as `{ aggregateID: "u1", event_payload: { … } }`. */
  event(type: string, body: JsonObject = {}, options: DeliveryOptions = {}): Promise<Delivered> {
    return this.deliver({ aggregateID: "sample", event_type: type, event_payload: {}, ...body }, options);
  }

  /** Delivers any body. */
  async deliver(body: JsonObject, options: DeliveryOptions = {}): Promise<Delivered> {
    const response = await this.hooks.fetch(await this.sign(body, options));
    const text = await response.text();
    return { status: response.status, headers: response.headers, json: text === "" ? undefined : JSON.parse(text) };
  }

  /** Makes a signed request of a body, or of a text or bytes as they are. */
  async sign(body: JsonObject | string | Uint8Array, options: DeliveryOptions = {}): Promise<Request> {
    const type = typeof body === "object" && !(body instanceof Uint8Array) ? (body.event_type as unknown) : undefined;
    const event = typeof type === "string" ? describe(type, body as JsonObject, options) : undefined;
    const sent = event && options.structured ? { ...event.attributes, datacontenttype: "application/json", data: body } : body;
    const bytes = toBytes(sent);
    const id = options.id ?? `dlv_${crypto.randomUUID().replaceAll("-", "")}`;
    const seconds = Math.floor((options.signedAt?.getTime() ?? Date.now()) / 1000);
    const headers = {
      "content-type": event && options.structured ? "application/cloudevents+json" : "application/json",
      ...aboutDelivery(id, options),
      ...(event ? { ...event.headers, ...(options.structured ? {} : prefixed(event.attributes)) } : {}),
      ...(await signHeaders(this.#key, this.#schemes, id, seconds, bytes)),
      ...options.headers,
    };
    return new Request(this.#url, { method: "POST", headers, body: bytes as Uint8Array<ArrayBuffer> });
  }
}

/** Makes a kit for hooks: `await testKit(hooks, { key }).event("user.added", { aggregateID: "u1" })`. */
export const testKit = (hooks: Fetcher, options: KitOptions = {}): TestKit => new TestKit(hooks, options);

const toBytes = (body: JsonObject | string | Uint8Array): Uint8Array =>
  body instanceof Uint8Array ? body : new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));

const encode = (text: string): string =>
  text.replace(/[^!-$&-~]/gu, (c) => (c === "%" ? "%25" : encodeURIComponent(c)));

const aboutDelivery = (id: string, options: DeliveryOptions): Record<string, string> => ({
  "user-agent": "callout",
  "callout-target": options.target ?? "test",
  "callout-delivery-id": id,
  "idempotency-key": id,
  "callout-attempt": String(options.attempt ?? 1),
  "callout-remaining-ms": String(options.remaining ?? 10_000),
  "callout-instance": encode(options.instance ?? "default"),
  ...(options.org === undefined ? {} : { "callout-org": encode(options.org) }),
  ...(options.sequence === undefined ? {} : { "callout-sequence": String(options.sequence) }),
  ...(options.test ? { "callout-test": "true" } : {}),
  ...(options.replay ? { "callout-replay": "true" } : {}),
  ...(options.redrive ? { "callout-redrive": "true" } : {}),
});

/** The headers of an event, and its attributes as a CloudEvent. */
const describe = (type: string, body: JsonObject, options: DeliveryOptions) => {
  const id = options.eventId ?? "sample";
  const time = (options.eventTime ?? new Date()).toISOString();
  const instance = options.instance ?? "default";
  const subject = String(body.aggregateID ?? "");
  const sequence = String(options.sequence ?? 1);
  return {
    headers: {
      "callout-sequence": sequence,
      "callout-event-id": encode(id),
      "callout-event-type": encode(type),
      "callout-event-time": time,
    },
    attributes: {
      specversion: "1.0",
      id,
      source: `/instances/${instance}/events/${options.org ?? "-"}/${subject}/${type}`,
      type,
      subject,
      time,
      instance,
      ...(options.org === undefined ? {} : { org: options.org }),
      sequence: sequence.padStart(20, "0"),
    },
  };
};

const prefixed = (attributes: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce-${name}`, encode(value)]));
