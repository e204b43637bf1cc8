"""`norda chaos`: load through the HTTP APIs, faults of every kind, and invariants checked from the outside.

`cluster` runs the servers and two replicas of each service, `proxy` stands between them; `load` asks and keeps in the
`ledger` what was promised; `faults` are injected in the order of `schedule`; `witness` collects what came of it, and
`invariants` judges it, purely. The services are not told that they are watched.
"""
