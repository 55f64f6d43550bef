// Speaks by a client of Connect's, which has one-ofs as { case, value }.
import { timestampMs } from "@bufbuild/protobuf/wkt";

const duration = (seconds) => ({ seconds: BigInt(seconds), nanos: 0 });

export function speakConnect(client) {
  const date = (stamp) => (stamp ? timestampMs(stamp) : undefined);
  const kind = ({ kind, interruptOnError }) =>
    kind && { case: kind, value: kind === "restAsync" ? {} : { interruptOnError } };
  return {
    createTarget: ({ name, endpoint, seconds, ...rest }) =>
      client.createTarget({ name, endpoint, timeout: duration(seconds), targetType: kind(rest) }),
    updateTarget: ({ id, endpoint, rotate }) =>
      client.updateTarget({ id, endpoint, expirationSigningKey: rotate ? duration(0) : undefined }),
    async getTarget(question) {
      const { target } = await client.getTarget(question);
      const { case: kind, value } = target.targetType;
      const { id, name, endpoint } = target;
      return { id, name, kind, interruptOnError: value.interruptOnError ?? false, seconds: Number(target.timeout.seconds), endpoint };
    },
    async listTargets({ ascending = false, limit = 0, nameContains }) {
      const filters = nameContains
        ? [{ filter: { case: "targetNameFilter", value: { targetName: nameContains, method: 5 } } }]
        : [];
      const answer = await client.listTargets({ pagination: { asc: ascending, limit }, filters });
      return { all: answer.targets, targets: answer.targets.map((t) => t.name), total: Number(answer.pagination.totalResult) };
    },
    async deleteTarget(question) {
      return { date: date((await client.deleteTarget(question)).deletionDate) };
    },
    async setExecution({ method, targets }) {
      const condition = { conditionType: { case: "request", value: { condition: { case: "method", value: method } } } };
      return { date: date((await client.setExecution({ condition, targets })).setDate) };
    },
    async listExecutions(question) {
      const { executions } = await client.listExecutions(question);
      return executions.map((e) => ({ method: e.condition.conditionType.value.condition.value, targets: e.targets }));
    },
    addPublicKey: client.addPublicKey,
    activatePublicKey: client.activatePublicKey,
    deactivatePublicKey: client.deactivatePublicKey,
    removePublicKey: client.removePublicKey,
    listPublicKeys: client.listPublicKeys,
  };
}
