// What the auditor brings: the root key, the origins it speaks for, and the heads remembered from before.
import { type Bytes, unb64 } from "./bytes.ts";
import { hasExactly, isWhole, type Json, loadsLenient, shown } from "./json.ts";
import { Malformed } from "./malformed.ts";
import { kidOf, PUBLIC_KEY_SIZE } from "./signatures.ts";

const FORMAT = "interlock.trust/1";

export interface Trust {
  scope: string;
  rootKeys: Bytes[];
  minKeyringVersion: number;
  checkpoints: string[];
}

export const root = (trust: Trust, kid: string): Bytes | undefined =>
  trust.rootKeys.find((key) => kidOf(key) === kid);

/** Read a trust file; throws Malformed. */
export function parse(data: Bytes): Trust {
  const members = loadsLenient(data);
  if (!(members instanceof Map) || members.get("format") !== FORMAT) {
    throw new Malformed("SCHEMA", `not a trust file of format ${FORMAT}`, "trust");
  }
  if (!hasExactly(members, ["format", "scope", "root_keys", "min_keyring_version", "checkpoints"])) {
    throw new Malformed("SCHEMA", "members are missing or unknown", "trust");
  }
  const [scope, keys, notes] = [members.get("scope"), members.get("root_keys"), members.get("checkpoints")];
  const floor = members.get("min_keyring_version");
  if (typeof scope !== "string" || !Array.isArray(keys) || !Array.isArray(notes)) {
    throw new Malformed("SCHEMA", "scope, root_keys or checkpoints have a wrong type", "trust");
  }
  if (!isWhole(floor) || !scope.endsWith("/")) {
    throw new Malformed("SCHEMA", "the scope ends in /, the floor is a number", "trust");
  }
  return { scope, rootKeys: keys.map(rootKey), minKeyringVersion: floor, checkpoints: notes.map(shown) };
}

function rootKey(item: Json): Bytes {
  if (!(item instanceof Map) || !hasExactly(item, ["alg", "kid", "public"]) || item.get("alg") !== "ed25519") {
    throw new Malformed("SCHEMA", "not a root key", "trust");
  }
  return unb64(item.get("public"), "SCHEMA", PUBLIC_KEY_SIZE);
}
