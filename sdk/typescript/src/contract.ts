import type { Claims } from "./claim.js";
import type { Context } from "./context.js";
import type { JsonObject } from "./json.js";
import type { Later, Never, Rejection } from "./outcome.js";

/**
 * The types of a core, as a type parameter of `callout<Acme>()`. Each member may be missing; then every name is taken
 * there, and a body is any object. `callout generate --lang typescript` writes one.
 *
 * ```ts
 * interface Acme {
 *   methods: { "/acme.user.v1.UserService/CreateUser": { request: CreateUser; response: User } };
 *   functions: { create_id_token: { user: { id: string } } };
 *   events: { "user.added": { name: string } };
 * }
 * ```
 */
export interface Contract {
  /** By full name: the messages of a method. */
  methods?: object;
  /** By name: what a function is given beside its name. */
  functions?: object;
  /** By type: the payload of an event. */
  events?: object;
}

type AnyMethods = { [method: string]: { request: JsonObject; response: JsonObject } };
type AnyObjects = { [name: string]: JsonObject };

type Methods<C> = C extends { methods: infer M extends object } ? M : AnyMethods;
type Functions<C> = C extends { functions: infer F extends object } ? F : AnyObjects;
type Events<C> = C extends { events: infer E extends object } ? E : AnyObjects;

type Names<T> = Extract<keyof T, string>;
type ServiceOf<M> = M extends `/${infer Service}/${string}` ? Service : never;
type GroupsOf<E extends string> = E extends `${infer First}.${infer Rest}`
  ? `${First}.*` | `${First}.${Extract<GroupsOf<Rest>, string>}`
  : never;

/** The conditions of requests and responses of a core. */
export type MethodCondition<C> = Names<Methods<C>> | ServiceOf<Names<Methods<C>>> | "*";
/** The names of functions of a core, with or without `function/`. */
export type FunctionCondition<C> = Names<Functions<C>> | `function/${Names<Functions<C>>}`;
/** The conditions of events of a core. */
export type EventCondition<C> = Names<Events<C>> | GroupsOf<Names<Events<C>>> | "*";

type MethodsUnder<M, K extends string> = string extends Names<M>
  ? K
  : K extends "*"
    ? Names<M>
    : K extends Names<M>
      ? K
      : Extract<Names<M>, `/${K}/${string}`>;
type EventsUnder<E, K extends string> = string extends Names<E>
  ? string
  : K extends "*"
    ? Names<E>
    : K extends `${infer Group}.*`
      ? Extract<Names<E>, `${Group}.${string}`>
      : K;
type Member<T, K, N extends string, Otherwise> = K extends keyof T ? (T[K] extends { [name in N]: infer V } ? V : Otherwise) : Otherwise;

/** What stands around a call. Members that are not named here are passed on as they came. */
interface Call<Method> {
  fullMethod: Method;
  instanceID?: string;
  orgID?: string;
  projectID?: string;
  userID?: string;
  headers?: Record<string, string[]>;
}

/** The body of a request: it may be of any of the methods that the condition covers. */
export type RequestBody<C, K extends string> = RequestOf<Methods<C>, MethodsUnder<Methods<C>, K>>;
type RequestOf<M, K extends string> = K extends string ? Call<K> & { request: Member<M, K, "request", JsonObject> } : never;

/** The body of a response. `request` is the possibly changed request. */
export type ResponseBody<C, K extends string> = ResponseOf<Methods<C>, MethodsUnder<Methods<C>, K>>;
type ResponseOf<M, K extends string> = K extends string
  ? Call<K> & { request: Member<M, K, "request", JsonObject>; response: Member<M, K, "response", JsonObject> }
  : never;

/** The body of a function: its name, what targets before this one returned, and what the core gives it. */
export type FunctionBody<C, K extends string> = { function: string; response?: unknown } & (K extends `function/${infer Name}`
  ? ObjectOf<Functions<C>, Name>
  : ObjectOf<Functions<C>, K>);
type ObjectOf<T, K extends string> = K extends keyof T ? T[K] : JsonObject;

/** The body of an event: `event_type` tells which of those that the condition covers. */
export type EventBody<C, K extends string> = EventOf<Events<C>, EventsUnder<Events<C>, K>>;
type EventOf<E, K extends string> = K extends string
  ? {
      aggregateID: string;
      aggregateType?: string;
      resourceOwner?: string;
      instanceID?: string;
      version?: string;
      sequence?: number;
      event_type: K;
      created_at?: string;
      userID?: string;
      event_payload: ObjectOf<E, K>;
    }
  : never;

/** A partial message, which is merged (RFC 7396): null takes a member out. */
export type Change<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [K in keyof T]?: Change<T[K]> | null }
    : T;

/** Refuses members that a message does not have, which a partial type lets pass beside right ones. */
type Strict<A, T> = A extends Rejection
  ? A
  : A extends readonly unknown[]
    ? A
    : A extends object
      ? string extends keyof T
        ? A
        : { [K in keyof A]: K extends keyof T ? Strict<A[K], NonNullable<T[K]>> : never }
      : A;

type StrictAwaited<A, T> = A extends Promise<infer V> ? Promise<Strict<V, T>> : Strict<A, T>;

type Nothing = void | undefined | null;
type Awaitable<T> = T | Promise<T>;
type RequestMessage<C, K extends string> = RequestBody<C, K>["request"];
type ResponseMessage<C, K extends string> = ResponseBody<C, K>["response"];
/** Of a condition that covers several methods, a change is one of any of them. */
type AnyOf<T> = [T] extends [never] ? JsonObject : { [K in T extends unknown ? keyof T : never]?: T extends { [N in K]?: infer V } ? V : never };

/** What a type of optional members alone would take for a change: a text, a number, a promise of one. */
type Object = object & { then?: never };
/** What a handler of a message may answer: a change, nothing, or a rejection. */
export type CallAnswer<T> = (Change<T> & Object) | Rejection | Nothing;
/** What a handler of a function may answer. */
export type FunctionAnswer = Claims | object | Rejection | Nothing;
/** What a handler of an event may answer. What else it gives is taken for nothing. */
export type EventAnswer = Later | Never | unknown;

/** A handler of a request. */
export type RequestHandler<C, K extends string, A> = (
  body: RequestBody<C, K>,
  context: Context,
) => A & StrictAwaited<A, AnyOf<RequestMessage<C, K>>>;
/** A handler of a response. */
export type ResponseHandler<C, K extends string, A> = (
  body: ResponseBody<C, K>,
  context: Context,
) => A & StrictAwaited<A, AnyOf<ResponseMessage<C, K>>>;
/** A handler of a function. */
export type FunctionHandler<C, K extends string> = (body: FunctionBody<C, K>, context: Context) => Awaitable<FunctionAnswer>;
/** A handler of an event. */
export type EventHandler<C, K extends string> = (body: EventBody<C, K>, context: Context) => Awaitable<EventAnswer>;
/** What is called for what no handler covers. */
export type Fallback = (body: JsonObject, context: Context) => Awaitable<unknown>;

/** What a handler of a request of this condition may give. */
export type RequestAnswer<C, K extends string> = Awaitable<CallAnswer<AnyOf<RequestMessage<C, K>>>>;
/** What a handler of a response of this condition may give. */
export type ResponseAnswer<C, K extends string> = Awaitable<CallAnswer<AnyOf<ResponseMessage<C, K>>>>;
