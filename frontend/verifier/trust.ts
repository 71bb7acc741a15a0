// What the auditor brings: the root keys, the origins they speak for, the heads remembered from before, and whom outside
// the operator's reach they believe.
import { type Bytes, unb64 } from "./bytes.ts";
import { hasExactly, isWhole, type Json, loadsLenient, type Members, shown } from "./json.ts";
import { Malformed } from "./malformed.ts";
import { algorithmOf, kidOf, PUBLIC_KEY_SIZE } from "./signatures.ts";

const FORMAT = "interlock.trust/1";
const REQUIRED = ["format", "scope", "root_keys", "min_keyring_version", "checkpoints"];
const OPTIONAL = ["tsas", "witnesses", "quorum", "approvers"];

/** A time-stamping authority, pinned by the certificate (DER) that signs its tokens. */
export interface Tsa {
  name: string;
  certificate: Bytes;
}

/** Somebody else who follows the logs; `public` is a raw Ed25519 key (C2SP tlog-cosignature). */
export interface Witness {
  name: string;
  public: Bytes;
}

/** A person, by the id that votes carry, with the passkeys (COSE keys) that they have on the site `rpId`. */
export interface Approver {
  id: string;
  rpId: string;
  keys: Bytes[];
}

/** `quorum` witnesses make a head witnessed. */
export interface Trust {
  scope: string;
  rootKeys: Bytes[];
  minKeyringVersion: number;
  checkpoints: string[];
  tsas: Tsa[];
  witnesses: Witness[];
  quorum: number;
  approvers: Approver[];
}

export const root = (trust: Trust, kid: string): Bytes | undefined =>
  trust.rootKeys.find((key) => kidOf(key) === kid);

/** Read a trust file; throws Malformed. */
export function parse(data: Bytes): Trust {
  const members = loadsLenient(data);
  if (!(members instanceof Map) || members.get("format") !== FORMAT) {
    throw malformed(`not a trust file of format ${FORMAT}`);
  }
  if (!hasExactly(members, [...REQUIRED, ...OPTIONAL.filter((name) => members.has(name))])) {
    throw malformed("members are missing or unknown");
  }
  const [scope, floor] = [members.get("scope"), members.get("min_keyring_version")];
  if (typeof scope !== "string" || !isWhole(floor) || !scope.endsWith("/")) {
    throw malformed("the scope ends in /, the floor is a number");
  }
  const witnesses = listOf(members, "witnesses").map(witnessOf);
  return {
    scope,
    rootKeys: listOf(members, "root_keys").map(rootKey),
    minKeyringVersion: floor,
    checkpoints: listOf(members, "checkpoints").map(shown),
    tsas: listOf(members, "tsas").map(tsaOf),
    witnesses,
    quorum: quorumOf(members.get("quorum") ?? 1, witnesses.length),
    approvers: listOf(members, "approvers").map(approverOf),
  };
}

function listOf(members: Members, name: string): Json[] {
  const items = members.get(name) ?? [];
  if (!Array.isArray(items)) throw malformed(`${name} is a list`);
  return items;
}

function rootKey(item: Json): Bytes {
  if (!(item instanceof Map) || !hasExactly(item, ["alg", "kid", "public"])) throw malformed("not a root key");
  const key = unb64(item.get("public"));
  const algorithm = algorithmOf(key);
  if (!algorithm || algorithm !== item.get("alg") || kidOf(key) !== item.get("kid")) {
    throw malformed("a root key whose name or algorithm does not fit");
  }
  return key;
}

function tsaOf(item: Json): Tsa {
  const name = item instanceof Map ? item.get("name") : undefined;
  if (!(item instanceof Map) || !hasExactly(item, ["name", "certificate"]) || typeof name !== "string") {
    throw malformed("not a time-stamping authority");
  }
  return { name, certificate: unb64(item.get("certificate")) };
}

function witnessOf(item: Json): Witness {
  const name = item instanceof Map ? item.get("name") : undefined;
  if (!(item instanceof Map) || !hasExactly(item, ["name", "public"]) || typeof name !== "string") {
    throw malformed("not a witness");
  }
  return { name, public: unb64(item.get("public"), "SCHEMA", PUBLIC_KEY_SIZE) };
}

function approverOf(item: Json): Approver {
  const keys = item instanceof Map ? item.get("keys") : undefined;
  if (!(item instanceof Map) || !hasExactly(item, ["id", "rp_id", "keys"]) || !Array.isArray(keys)) {
    throw malformed("not an approver");
  }
  const [id, rpId] = [item.get("id"), item.get("rp_id")];
  if (typeof id !== "string" || typeof rpId !== "string") throw malformed("not an approver");
  return { id, rpId, keys: keys.map((key) => unb64(key)) };
}

function quorumOf(value: Json, witnesses: number): number {
  if (!isWhole(value) || value < 1 || value > Math.max(witnesses, 1)) {
    throw malformed("the quorum is between one and the number of witnesses");
  }
  return value;
}

const malformed = (message: string) => new Malformed("SCHEMA", message, "trust");
