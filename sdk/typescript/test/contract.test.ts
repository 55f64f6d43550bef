// What the compiler says of a program that uses the types of a core. A line under @ts-expect-error that compiles is an
// error of the compiler, so these cases can fail.
import assert from "node:assert/strict";
import { test } from "node:test";

import { callout, claim, later, never, reject } from "@callout-hq/sdk";

interface CreateUser {
  email?: string;
  names?: { first?: string; last?: string };
  displayName?: string;
  metadata?: Record<string, string>;
}
interface User {
  id?: string;
  count?: number;
}
interface Acme {
  methods: {
    "/acme.user.v1.UserService/CreateUser": { request: CreateUser; response: User };
    "/acme.user.v1.UserService/DeleteUser": { request: { id?: string }; response: object };
    "/acme.org.v1.OrgService/AddOrg": { request: { name?: string }; response: { orgId?: string } };
  };
  functions: { create_id_token: { user: { id: string } } };
  events: { "user.added": { name: string }; "user.human.removed": { reason: string }; "org.added": { plan: number } };
}
const unsigned = { unsigned: true };
const make = () => callout<Acme>(unsigned);
const create = "/acme.user.v1.UserService/CreateUser";

test("right programs compile, and run", () => {
  make()
    .request(create, async ({ request, fullMethod }, { signal, attempt }) => {
      const exact: "/acme.user.v1.UserService/CreateUser" = fullMethod;
      if (!request.email) return reject(422, `an e-mail address is needed ${exact} ${attempt} ${signal.aborted}`);
      if (request.names?.first === "") return;
      return { displayName: `${request.names?.first}`, names: { last: "Lovelace" }, metadata: { any: "thing" } };
    })
    .request("acme.user.v1.UserService", ({ request }) => ("email" in request ? { email: "a@b.c" } : undefined))
    .request("*", () => {})
    .response(create, ({ response, request }) => ({ count: (response.count ?? 0) + (request.email ? 1 : 0) }))
    .function("create_id_token", async ({ user }) => claim("uid", user.id).logClaim("seen"))
    .event("user.added", async (e) => e.event_payload.name.length)
    .event("user.*", (e) => {
      if (e.event_type === "user.human.removed") return never(e.event_payload.reason);
      return later({ after: e.event_payload.name.length });
    })
    .event("user.human.*", (e) => void e.event_payload.reason)
    .event("*", (e) => void (e.event_type === "org.added" && e.event_payload.plan.toFixed()));
});

test("an answer may be one of several", () => {
  make()
    .request(create, ({ request }) => (request.email ? { displayName: "Ada" } : reject(422, "no")))
    .response(create, async ({ response }) => (response.id ? { count: 1 } : response.count ? undefined : reject(422, "no")))
    .request("/acme.user.v1.UserService/DeleteUser", ({ request }) => (request.id ? Promise.resolve({ id: "u1" }) : reject(422, "no")));
});

test("null takes a member out", () => {
  make().request(create, () => ({ displayName: null }));
});

test("an unknown condition does not compile", () => {
  // @ts-expect-error: no such method
  make().request("/acme.user.v1.UserService/CreateUsr", () => {});
  // @ts-expect-error: no such service
  make().request("acme.user.v1.UserServices", () => {});
  // @ts-expect-error: no such function
  make().function("create_token", () => {});
  // @ts-expect-error: no such type
  make().event("user.add", () => {});
  // @ts-expect-error: no such group
  make().event("users.*", () => {});
});

test("a misspelt member does not compile", () => {
  // @ts-expect-error: a member that is read
  make().request(create, ({ request }) => ({ displayName: request.emial }));
  // @ts-expect-error: a member that is changed
  make().request(create, () => ({ displayNam: "Ada" }));
  // @ts-expect-error: beside a right one
  make().request(create, async () => ({ displayName: "Ada", emial: "a@b.c" }));
  // @ts-expect-error: within another
  make().request(create, async () => ({ names: { first: "Ada", lst: "Lovelace" } }));
  // @ts-expect-error: of another type
  make().request(create, () => ({ displayName: 7 }));
  // @ts-expect-error: of the response
  make().response(create, () => ({ displayName: "Ada" }));
  // @ts-expect-error: of a payload
  make().event("user.added", (e) => void e.event_payload.nam);
  // @ts-expect-error: of what a function is given
  make().function("create_id_token", ({ usr }) => claim("uid", usr));
});

test("an answer that is no object does not compile", () => {
  // @ts-expect-error: a text
  make().request(create, () => "Ada");
  // @ts-expect-error: a promise of a number
  make().request(create, async () => 7);
});

test("without types of a core every name is taken", () => {
  const hooks = callout(unsigned)
    .request("/any.v1.Service/Method", async ({ request }) => ({ displayName: `${request.first} ${request.last}` }))
    .request("/any.v1.Service/Other", ({ request }) => (request.x ? { y: 1 } : reject(400, "no")))
    .request("/any.v1.Service/Third", async ({ request }) => (request.x ? { y: 1 } : request.z ? undefined : reject(400, "no")))
    .request("any.v1.Service", ({ request }) => {
      if (request.a) return { a: 1 };
      if (request.b) return { b: [1] };
      if (request.c) throw reject(400, "no");
    })
    .response("any.v1.Service", ({ response }) => ({ count: response.count + 1 }))
    .function("any", ({ user }) => claim("uid", user.id))
    .event("any.*", (e) => void e.event_payload.whatever);
  assert.equal(typeof hooks.fetch, "function");
});

test("a core that has events alone leaves the other names open", () => {
  const hooks = callout<{ events: Acme["events"] }>(unsigned).request("/any.v1.Service/Method", () => ({ a: 1 }));
  // @ts-expect-error: no such type
  hooks.event("user.add", () => {});
});
