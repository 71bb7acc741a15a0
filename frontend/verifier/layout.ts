// Names of the files in a bundle.
export const STATEMENT = "data/bundle.dsse.json";
export const EVENTS = "data/events.jsonl";
export const LEAVES = "data/leaves.jsonl";
export const PROOFS = "data/proofs.json";
export const CONSISTENCY = "data/consistency.json";
export const KEYRING = "data/keys/keyring.dsse.json";
export const DISCLOSURES = "data/disclosures.jsonl";
export const REPORT = "data/report.html";
export const ANCHORS = "data/anchors.json";
export const VERIFY = "VERIFY.md";
export const CHECKPOINTS = "data/checkpoints/";

export const REQUIRED = [STATEMENT, KEYRING, EVENTS, LEAVES, PROOFS, CONSISTENCY, DISCLOSURES, REPORT, VERIFY];

export const checkpoint = (number: number): string => `${CHECKPOINTS}${String(number).padStart(4, "0")}.note`;
