"""Names of the files in a bundle, and which of them each kind of bundle must have."""

STATEMENT = "data/bundle.dsse.json"
EVENTS = "data/events.jsonl"
LEAVES = "data/leaves.jsonl"
PROOFS = "data/proofs.json"
FRONTIER = "data/frontier.json"
CONSISTENCY = "data/consistency.json"
KEYRING = "data/keys/keyring.dsse.json"
DISCLOSURES = "data/disclosures.jsonl"
REPLAY = "data/replay/"
REPORT = "data/report.html"
ANCHORS = "data/anchors.json"
PRUNED = "data/pruned.jsonl"
VERIFY = "VERIFY.md"
CHECKPOINTS = "data/checkpoints/"

RUN, APPROVAL, PERIOD = "run", "approval", "period"
KINDS = (RUN, APPROVAL, PERIOD)

_ALWAYS = (STATEMENT, KEYRING, EVENTS, LEAVES, CONSISTENCY, DISCLOSURES, REPORT, VERIFY)


def required(kind: str) -> tuple[str, ...]:
    """A part of a log is proven leaf by leaf, a period by growing the tree from where it began."""
    return (*_ALWAYS, FRONTIER if kind == PERIOD else PROOFS)


def checkpoint(number: int) -> str:
    return f"{CHECKPOINTS}{number:04d}.note"
