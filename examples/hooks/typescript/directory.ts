// Writes users to LDAP: at LDAP_URL, as LDAP_BIND_DN with LDAP_PASSWORD, below LDAP_BASE or else the server's first naming context.
import { AlreadyExistsError, Attribute, Change, Client } from "ldapts";

export interface User {
  id?: string;
  username: string;
  givenName: string;
  familyName: string;
  email: string;
  metadata?: Record<string, string>;
}

const { LDAP_URL = "", LDAP_BIND_DN = "", LDAP_PASSWORD = "", LDAP_BASE = "" } = process.env;

/** Stores a user. A delivery may come twice, so an entry that exists is brought up to date. */
export const storeUser = async (user: User): Promise<void> => {
  const client = new Client({ url: LDAP_URL, timeout: 5000, connectTimeout: 5000 });
  try {
    if (LDAP_BIND_DN !== "") await client.bind(LDAP_BIND_DN, LDAP_PASSWORD);
    const dn = `uid=${escaped(user.username)},${await baseOf(client)}`;
    const attributes = attributesOf(user);
    try {
      const objectClass = ["top", "person", "organizationalPerson", "inetOrgPerson"];
      await client.add(dn, { objectClass, ...attributes });
    } catch (fault) {
      if (!(fault instanceof AlreadyExistsError)) throw fault;
      const replaced = Object.entries(attributes).map(([type, value]) => new Attribute({ type, values: [value] }));
      await client.modify(dn, replaced.map((modification) => new Change({ operation: "replace", modification })));
    }
  } finally {
    await client.unbind().catch(() => {});
  }
};

const baseOf = async (client: Client): Promise<string> => {
  if (LDAP_BASE !== "") return LDAP_BASE;
  const { searchEntries } = await client.search("", { scope: "base", attributes: ["namingContexts"] });
  const [first] = [searchEntries[0]?.namingContexts ?? []].flat();
  if (first === undefined || first.length === 0) throw new Error("the LDAP server names no naming context: set LDAP_BASE");
  return String(first);
};

const attributesOf = ({ id, username, givenName, familyName, email, metadata }: User): Record<string, string> => ({
  uid: username,
  cn: `${givenName} ${familyName}`,
  sn: familyName,
  givenName,
  mail: email,
  employeeNumber: id ?? "",
  ...(metadata?.department ? { departmentNumber: metadata.department } : {}),
});

/** Escapes a value within a DN (RFC 4514). */
const escaped = (value: string): string =>
  value.replace(/[\\,+"<>;=\0]/g, (c) => `\\${c.charCodeAt(0).toString(16).padStart(2, "0")}`).replace(/^[ #]| $/g, "\\$&");
