"""`norda chaos`: load through the HTTP APIs under faults, then invariants checked from the outside."""
