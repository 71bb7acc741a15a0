"""The offline verifier: the standard library and `cryptography`, nothing of the platform."""
