"""Decision points. Nothing here imports Django; the OPA library is loaded by `child` only."""
