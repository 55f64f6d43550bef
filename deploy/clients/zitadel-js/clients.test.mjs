// Each published client has the whole conversation with callout dev, in two instances.
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { createClientFor } from "@zitadel/client";
import { createServerTransport } from "@zitadel/client/node";
import { createClientTransport } from "@zitadel/client/web";
import { createAccessTokenInterceptor } from "@zitadel/node/dist/api/interceptors.js";
import { ActionServiceDefinition as NodeV2 } from "@zitadel/node/dist/api/generated/zitadel/action/v2/action_service.js";
import { ActionServiceDefinition as NodeV2Beta } from "@zitadel/node/dist/api/generated/zitadel/action/v2beta/action_service.js";
import { ActionService as V2Beta } from "@zitadel/proto/zitadel/action/v2beta/action_service_pb.js";
import { UserService } from "@zitadel/proto/zitadel/user/v2/user_service_pb.js";
import { createChannel, createClientFactory, Metadata } from "nice-grpc";
import assert from "node:assert/strict";
import { start } from "./callout.mjs";
import { conversation } from "./conversation.mjs";
import { speakConnect } from "./connect.mjs";
import { speakNiceGrpc } from "./nicegrpc.mjs";

// @zitadel/proto 1.3.1 has the actions of v2beta alone; those of v2 are read from the
// definition in this repository.
const descriptors = readFileSync(new URL("../../../schemas/zitadel/descriptors.binpb", import.meta.url));
const V2 = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors)).getService("zitadel.action.v2.ActionService");

let callout;
before(async () => { callout = await start(); });
after(() => callout.stop());

/** Says of which instance a request is. */
const of = (instance) => (next) => (request) => {
  request.header.set("Callout-Instance", instance);
  return next(request);
};

const transports = {
  "@zitadel/client, gRPC": (options) => createServerTransport("any", options),
  "@zitadel/client, gRPC-Web": (options) => createClientTransport("any", options),
  "connect-node, gRPC": createGrpcTransport,
  "connect-node, gRPC over JSON": (options) => createGrpcTransport({ ...options, useBinaryFormat: false }),
  "connect-node, gRPC-Web": (options) => createGrpcWebTransport({ ...options, httpVersion: "1.1" }),
  "connect-node, Connect in binary": (options) => createConnectTransport({ ...options, httpVersion: "2", useBinaryFormat: true }),
  "connect-node, Connect in JSON": (options) => createConnectTransport({ ...options, httpVersion: "1.1", useBinaryFormat: false }),
};

for (const [name, transport] of Object.entries(transports)) {
  for (const service of [V2, V2Beta]) {
    for (const instance of ["default", "other"]) {
      test(`${name}: ${service.typeName} of ${instance}`, async () => {
        await made(instance);
        const client = createClientFor(service)(transport({ baseUrl: callout.url, interceptors: [of(instance)] }));
        await conversation(speakConnect(client));
      });
    }
  }
}

for (const definition of [NodeV2, NodeV2Beta]) {
  for (const instance of ["default", "other"]) {
    test(`@zitadel/node: ${definition.fullName} of ${instance}`, async () => {
      await made(instance);
      const channel = createChannel(callout.url);
      const metadata = Metadata({ "Callout-Instance": instance });
      const client = createClientFactory().use(createAccessTokenInterceptor("any"))
        .create(definition, channel, { "*": { metadata } });
      await conversation(speakNiceGrpc(client));
      channel.close();
    });
  }
}

test("a service that is not there is unimplemented, in gRPC, gRPC-Web and Connect", async () => {
  for (const name of ["connect-node, gRPC", "connect-node, gRPC-Web", "connect-node, Connect in binary", "connect-node, Connect in JSON"]) {
    const client = createClient(UserService, transports[name]({ baseUrl: callout.url }));
    await assert.rejects(client.getUserByID({ userId: "u" }), (error) => ConnectError.from(error).code === Code.Unimplemented, name);
  }
});

/** Makes an instance, unless it is there. */
async function made(instance) {
  const answer = await fetch(`${callout.url}/callout.v1.ActionService/CreateInstance`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ instance }),
  });
  assert.ok(answer.ok || answer.status === 409, `${answer.status}`);
}
