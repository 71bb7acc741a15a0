"""Names of the files in a bundle."""

STATEMENT = "data/bundle.dsse.json"
EVENTS = "data/events.jsonl"
LEAVES = "data/leaves.jsonl"
PROOFS = "data/proofs.json"
CONSISTENCY = "data/consistency.json"
KEYRING = "data/keys/keyring.dsse.json"
DISCLOSURES = "data/disclosures.jsonl"
REPORT = "data/report.html"
ANCHORS = "data/anchors.json"
VERIFY = "VERIFY.md"
CHECKPOINTS = "data/checkpoints/"

REQUIRED = (STATEMENT, KEYRING, EVENTS, LEAVES, PROOFS, CONSISTENCY, DISCLOSURES, REPORT, VERIFY)


def checkpoint(number: int) -> str:
    return f"{CHECKPOINTS}{number:04d}.note"
