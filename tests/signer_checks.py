"""What every signer must do, whoever holds its key. `python -m tests.signer_checks ADDRESS ALGORITHM` asks one.

A PKCS#11 library is loaded once per process and keeps its first configuration: it is asked in a process of its own.
"""

import sys

from evidence import signers
from evidence.verify.signing import algorithm_of, kid_of, signature_holds

SHORT, LONG = b"a first keyring", b"a keyring is longer than what KMS takes raw" * 200


def signs(address: str, algorithm: str, message: bytes = LONG) -> None:
    """The signature holds over the message and over nothing else, by the key that the signer shows."""
    signer = signers.open_signer(address)
    signature = signer.sign(message)
    assert algorithm_of(signer.public) == algorithm
    assert kid_of(signer.public).startswith(f"{algorithm}:")
    assert signature_holds(signer.public, signature, message)
    assert not signature_holds(signer.public, signature, message + b"!")
    assert not signature_holds(signer.public, signature[:-1], message)


if __name__ == "__main__":
    signs(sys.argv[1], sys.argv[2])
