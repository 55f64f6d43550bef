// What every client says to Callout, and what it must hear.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";

/** The codes of gRPC that are expected. */
export const codes = { invalidArgument: 3, notFound: 5, alreadyExists: 6, failedPrecondition: 9, unimplemented: 12 };

/**
 * Has the whole conversation. speak has one function for each call, which takes and
 * gives the fields of this file; it throws an error with the code of gRPC.
 */
export async function conversation(speak) {
  assert.deepEqual((await speak.listTargets({})).targets, []);
  const audit = { name: "audit", kind: "restWebhook", interruptOnError: true, seconds: 10, endpoint: "https://hooks.example.com/audit" };
  const made = await speak.createTarget(audit);
  assert.match(made.id, /^[0-9A-Z]{26}$/);
  assert.match(made.signingKey, /^whsec_/);
  await refused(speak.createTarget(audit), codes.alreadyExists);
  await refused(speak.createTarget({ ...audit, name: "", seconds: 0 }), codes.invalidArgument);
  assert.deepEqual(await speak.getTarget({ id: made.id }), { id: made.id, ...audit });
  await refused(speak.getTarget({ id: "notexisting" }), codes.notFound);

  const rotated = await speak.updateTarget({ id: made.id, endpoint: "https://hooks.example.com/again", rotate: true });
  assert.match(rotated.signingKey, /^whsec_/);
  assert.notEqual(rotated.signingKey, made.signingKey);
  assert.equal((await speak.getTarget({ id: made.id })).endpoint, "https://hooks.example.com/again");
  if (speak.addPublicKey) {
    await publicKeys(speak, made.id);
  }
  await speak.createTarget({ ...audit, name: "log", kind: "restAsync", interruptOnError: false });
  assert.deepEqual((await speak.listTargets({ ascending: true })).targets, ["audit", "log"]);
  assert.deepEqual((await speak.listTargets({ nameContains: "UDI" })).targets, ["audit"]);
  assert.equal((await speak.listTargets({ limit: 1 })).total, 2);

  const method = "/zitadel.user.v2.UserService/AddHumanUser";
  const set = await speak.setExecution({ method, targets: [made.id] });
  assert.ok(Math.abs(set.date - Date.now()) < 60_000, "it was set now");
  assert.deepEqual(await speak.listExecutions({}), [{ method, targets: [made.id] }]);
  await refused(speak.setExecution({ method, targets: ["notexisting"] }), codes.notFound);
  await refused(speak.deleteTarget({ id: made.id }), codes.failedPrecondition);
  await speak.setExecution({ method, targets: [] });
  assert.deepEqual(await speak.listExecutions({}), []);
  const gone = await speak.deleteTarget({ id: made.id });
  assert.equal((await speak.deleteTarget({ id: made.id })).date, gone.date, "the date of the second delete is the first's");
  for (const { id } of (await speak.listTargets({})).all) {
    await speak.deleteTarget({ id });
  }
}

/** What is said of the public keys of a target; v2beta has none. */
async function publicKeys(speak, targetId) {
  await refused(speak.addPublicKey({ targetId, publicKey: new Uint8Array([1]) }), codes.invalidArgument);
  const pem = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ type: "spki", format: "pem" });
  const publicKey = Buffer.from(pem);
  await refused(speak.addPublicKey({ targetId: "notexisting", publicKey }), codes.failedPrecondition);
  const { keyId } = await speak.addPublicKey({ targetId, publicKey });
  await refused(speak.addPublicKey({ targetId, publicKey }), codes.alreadyExists);
  await speak.activatePublicKey({ targetId, keyId });
  await refused(speak.activatePublicKey({ targetId, keyId: "notexisting" }), codes.notFound);
  await refused(speak.removePublicKey({ targetId, keyId }), codes.failedPrecondition);
  const [kept, ...more] = (await speak.listPublicKeys({ targetId })).publicKeys;
  assert.deepEqual([kept.keyId, kept.active, Buffer.from(kept.publicKey).toString(), more], [keyId, true, pem, []]);
  await speak.deactivatePublicKey({ targetId, keyId });
  await speak.removePublicKey({ targetId, keyId });
  assert.deepEqual((await speak.listPublicKeys({ targetId })).publicKeys, []);
}

async function refused(answer, code) {
  await assert.rejects(answer, (error) => {
    assert.equal(error.code, code, `${error}`);
    return true;
  });
}
