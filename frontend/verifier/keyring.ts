// The signed key history: which sealing keys spoke for which origins, when, and for what. It is never a root of trust.
import { type Bytes, unb64 } from "./bytes.ts";
import { hasExactly, isWhole, type Json, loadsObject } from "./json.ts";
import { Malformed } from "./malformed.ts";
import { kidOf, PUBLIC_KEY_SIZE } from "./signatures.ts";

export const PAYLOAD_TYPE = "application/vnd.interlock.keyring.v1+json";
const USES: Json[] = ["bundle", "checkpoint"];
const KEY_MEMBERS = ["kid", "alg", "public", "use", "not_before", "not_after"];

/** One sealing key; times are milliseconds since 1970. */
export interface Key {
  kid: string;
  public: Bytes;
  use: string;
  notBefore: number;
  notAfter: number;
  revokedAt: number | null;
}

/** Version `version` of the keys that may speak for origins beginning with `scope`. */
export interface Keyring {
  version: number;
  scope: string;
  keys: Key[];
}

export const find = (ring: Keyring, kid: string, use: string): Key | undefined =>
  ring.keys.find((key) => key.kid === kid && key.use === use);

export const ofUse = (ring: Keyring, use: string): Key[] => ring.keys.filter((key) => key.use === use);

/** Read the payload of a keyring envelope; throws Malformed. */
export function parse(payload: Bytes): Keyring {
  const members = loadsObject(payload);
  if (!hasExactly(members, ["v", "version", "scope", "issued_at", "keys"])) {
    throw new Malformed("SCHEMA", "not a keyring");
  }
  if (members.get("v") !== 1) throw new Malformed("VERSION", "this keyring is of an unknown version");
  const [keys, scope] = [members.get("keys"), members.get("scope")];
  if (!Array.isArray(keys) || typeof scope !== "string" || !scope.endsWith("/")) {
    throw new Malformed("SCHEMA", "a keyring holds a scope that ends in / and a list of keys");
  }
  const version = number(members.get("version"));
  number(members.get("issued_at"));
  return { version, scope, keys: keys.map(keyOf) };
}

function keyOf(item: Json): Key {
  const expected = item instanceof Map && item.has("revoked_at") ? [...KEY_MEMBERS, "revoked_at"] : KEY_MEMBERS;
  if (!(item instanceof Map) || !hasExactly(item, expected) || item.get("alg") !== "ed25519") {
    throw new Malformed("SCHEMA", "not a key of this format");
  }
  const [kid, use] = [item.get("kid"), item.get("use")];
  const key = unb64(item.get("public"), "SCHEMA", PUBLIC_KEY_SIZE);
  if (kid !== kidOf(key) || typeof use !== "string" || !USES.includes(use)) {
    throw new Malformed("SCHEMA", "a key whose name or use does not fit");
  }
  const revokedAt = item.has("revoked_at") ? number(item.get("revoked_at")) : null;
  const [notBefore, notAfter] = [number(item.get("not_before")), number(item.get("not_after"))];
  return { kid, public: key, use, notBefore, notAfter, revokedAt };
}

function number(value: Json | undefined): number {
  if (!isWhole(value) || value < 0) throw new Malformed("SCHEMA", "a whole number expected");
  return value;
}
