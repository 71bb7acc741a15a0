// Names of the files in a bundle, and which of them each kind of bundle must have.
export const STATEMENT = "data/bundle.dsse.json";
export const EVENTS = "data/events.jsonl";
export const LEAVES = "data/leaves.jsonl";
export const PROOFS = "data/proofs.json";
export const FRONTIER = "data/frontier.json";
export const CONSISTENCY = "data/consistency.json";
export const KEYRING = "data/keys/keyring.dsse.json";
export const DISCLOSURES = "data/disclosures.jsonl";
export const REPORT = "data/report.html";
export const ANCHORS = "data/anchors.json";
export const PRUNED = "data/pruned.jsonl";
export const VERIFY = "VERIFY.md";
export const CHECKPOINTS = "data/checkpoints/";

export const KINDS = ["run", "approval", "period"] as const;
export type Kind = (typeof KINDS)[number];

const ALWAYS = [STATEMENT, KEYRING, EVENTS, LEAVES, CONSISTENCY, DISCLOSURES, REPORT, VERIFY];

/** A part of a log is proven leaf by leaf, a period by growing the tree from where it began. */
export const required = (kind: Kind): string[] => [...ALWAYS, kind === "period" ? FRONTIER : PROOFS];

export const checkpoint = (number: number): string => `${CHECKPOINTS}${String(number).padStart(4, "0")}.note`;
