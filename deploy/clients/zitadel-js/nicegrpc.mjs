// Speaks by a client of nice-grpc, which has one-ofs as members side by side.
export function speakNiceGrpc(client) {
  const kindOf = (t) => ["restWebhook", "restCall", "restAsync"].find((kind) => t[kind] !== undefined);
  const timeout = (seconds) => ({ seconds, nanos: 0 });
  const date = (stamp) => stamp?.getTime();
  return {
    createTarget: ({ name, endpoint, seconds, kind, interruptOnError }) =>
      client.createTarget({ name, endpoint, timeout: timeout(seconds), [kind]: kind === "restAsync" ? {} : { interruptOnError } }),
    updateTarget: ({ id, endpoint, rotate }) => client.updateTarget({ id, endpoint, expirationSigningKey: rotate ? timeout(0) : undefined }),
    async getTarget(question) {
      const { target } = await client.getTarget(question);
      const { id, name, endpoint } = target;
      const kind = kindOf(target);
      return { id, name, kind, interruptOnError: target[kind].interruptOnError ?? false, seconds: Number(target.timeout.seconds), endpoint };
    },
    async listTargets({ ascending = false, limit = 0, nameContains }) {
      const filters = nameContains ? [{ targetNameFilter: { targetName: nameContains, method: 5 } }] : [];
      const answer = await client.listTargets({ pagination: { asc: ascending, limit, offset: 0 }, filters });
      return { all: answer.targets, targets: answer.targets.map((t) => t.name), total: Number(answer.pagination.totalResult) };
    },
    async deleteTarget(question) {
      return { date: date((await client.deleteTarget(question)).deletionDate) };
    },
    async setExecution({ method, targets }) {
      return { date: date((await client.setExecution({ condition: { request: { method } }, targets })).setDate) };
    },
    async listExecutions() {
      const { executions } = await client.listExecutions({ filters: [] });
      return executions.map((e) => ({ method: e.condition.request.method, targets: e.targets }));
    },
    addPublicKey: client.addPublicKey,
    activatePublicKey: client.activatePublicKey,
    deactivatePublicKey: client.deactivatePublicKey,
    removePublicKey: client.removePublicKey,
    listPublicKeys: client.listPublicKeys,
  };
}
