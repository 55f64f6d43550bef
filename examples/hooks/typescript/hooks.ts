// The hooks of the demo: node hooks.js PORT, with CALLOUT_KEYS.
import { callout, claim } from "@callout-hq/sdk";

interface Demo {
  methods: {
    "/demo.user.v1.UserService/CreateUser": {
      request: { metadata?: Record<string, string> };
      response: { id?: string };
    };
  };
  functions: { create_id_token: { user: { id: string } } };
  events: { "user.added": { id?: string } };
}

const hooks = callout<Demo>()
  .request("/demo.user.v1.UserService/CreateUser", () => ({ metadata: { department: "analytics", costCenter: "1843" } }))
  .response("/demo.user.v1.UserService/CreateUser", ({ response }) => console.log("created", response.id))
  .event("user.added", ({ event_payload, aggregateID }) => console.log("user.added", event_payload?.id ?? aggregateID))
  .function("create_id_token", ({ user }) => claim("uid", user.id));

await hooks.serve(Number(process.argv[2] ?? 0), { host: "127.0.0.1" });
