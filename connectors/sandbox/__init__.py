"""Stand-in vendor servers: the vendors' wire protocols over real HTTP, in one process, without Django.

`python -m connectors.sandbox --port 8090` serves `/servicenow`, `/slack`, `/anthropic`, `/openai`, `/azure`,
and one control surface, `/__ctl`, for faults, time, people's edits and the ledger of effects that tests and
the demo read as truth.
"""
