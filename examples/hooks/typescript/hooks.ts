// The hooks of the demo: node hooks.js PORT, with CALLOUT_KEYS, and LDAP_… as directory.ts reads them.
import { callout, claim } from "@callout-hq/sdk";

import { storeUser, type User } from "./directory.js";

interface Demo {
  methods: { "/demo.user.v1.UserService/CreateUser": { request: User; response: User } };
  functions: { create_id_token: { user: { id: string } } };
  events: { "user.added": User };
}

const hooks = callout<Demo>()
  .request("/demo.user.v1.UserService/CreateUser", () => ({ metadata: { department: "analytics", costCenter: "1843" } }))
  .response("/demo.user.v1.UserService/CreateUser", ({ response }) => console.log("created", response.id))
  .event("user.added", async ({ event_payload, aggregateID }) => {
    const user = { ...event_payload, id: event_payload.id ?? aggregateID };
    await storeUser(user);
    console.log("user.added", user.id);
  })
  .function("create_id_token", ({ user }) => claim("uid", user.id));

await hooks.serve(Number(process.argv[2] ?? 0), { host: "127.0.0.1" });
