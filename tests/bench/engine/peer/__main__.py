"""`python -m peer NAME VERB`."""

import importlib
import sys

name, verb = sys.argv[1:]
getattr(importlib.import_module(f"peer.{name}"), verb)()
