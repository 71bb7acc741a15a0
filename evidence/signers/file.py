"""A root key as a file, readable by its owner only: for one machine, and for development."""

from pathlib import Path

from evidence import keys
from evidence.errors import SignerUnavailable
from evidence.verify.signing import Signer


def at(path: str) -> Signer:
    """`root.pem` of the data folder, made on first use; a file of the operator's must be there."""
    if not path:
        return keys.default_root()
    if not Path(path).is_file():
        raise SignerUnavailable(f"{path} is not there: a key that is named is never made here")
    return keys.load(Path(path))
