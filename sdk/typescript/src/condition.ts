/** The phases that a handler may stand in. */
export type Phase = "request" | "response" | "function" | "event";

const service = /^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$/;
const method = /^\/[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*\/[A-Za-z_][A-Za-z0-9_]*$/;
const functionName = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/;
const eventType = /^(?!\/)[^.*\s\p{Cc}]+(?:\.[^.*\s\p{Cc}]+)*$/u;

const meant: Record<Phase, string> = {
  request: "/pkg.Service/Method, pkg.Service or *",
  response: "/pkg.Service/Method, pkg.Service or *",
  function: "a name such as create_id_token",
  event: "a type such as user.added, a group such as user.* or *",
};

/** The name of a function, without `function/` before it. */
const bare = (name: string): string => (name.startsWith("function/") ? name.slice("function/".length) : name);

const isCondition = (phase: Phase, text: string): boolean => {
  switch (phase) {
    case "function":
      return functionName.test(text);
    case "event":
      return text === "*" || eventType.test(text.endsWith(".*") ? text.slice(0, -2) : text);
    default:
      return text === "*" || (text.startsWith("/") ? method : service).test(text);
  }
};

/** What stands under the conditions of a phase, of which the most exact match is found. */
export class Conditions<T> {
  readonly #of = new Map<string, T>();

  constructor(readonly phase: Phase) {}

  /** Writes a condition. Throws a TypeError for one that is none, or that is there already. */
  set(condition: string, value: T): void {
    const text = this.phase === "function" ? bare(condition) : condition;
    if (!isCondition(this.phase, text)) {
      throw new TypeError(`callout: ${JSON.stringify(condition)} is no condition of a ${this.phase}: write ${meant[this.phase]}`);
    }
    if (this.#of.has(text)) throw new TypeError(`callout: the ${this.phase} ${text} has a handler already`);
    this.#of.set(text, value);
  }

  /** Finds the most exact match of a method, a function or an event type. */
  find(name: string): T | undefined {
    switch (this.phase) {
      case "function":
        return this.#of.get(bare(name));
      case "event":
        return this.#exact(name) ?? this.#group(name) ?? this.#of.get("*");
      default:
        return (name.startsWith("/") ? this.#of.get(name) : undefined) ?? this.#service(name) ?? this.#of.get("*");
    }
  }

  /** An event is never named as a group is, whatever a sender says. */
  #exact(name: string): T | undefined {
    return name.endsWith("*") ? undefined : this.#of.get(name);
  }

  #group(name: string): T | undefined {
    for (let dot = name.lastIndexOf("."); dot > 0; dot = name.lastIndexOf(".", dot - 1)) {
      const found = this.#of.get(`${name.slice(0, dot)}.*`);
      if (found) return found;
    }
    return undefined;
  }

  #service(name: string): T | undefined {
    const end = name.indexOf("/", 1);
    return name.startsWith("/") && end > 0 ? this.#of.get(name.slice(1, end)) : undefined;
  }
}
