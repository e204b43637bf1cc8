-- Who lets a blocked row go on says so; the relay alone unblocks, between two sweeps, so that nothing newer of the key
-- overtakes what waited.

comment on column outbox.blocked_at is 'Held back since then, and with it what follows for its topic and key; -infinity:'
    ' the relay is to try again. Only the relay sets it to null.';
