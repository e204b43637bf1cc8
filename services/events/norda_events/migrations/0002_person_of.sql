-- One pseudonym per address, also when several events register it at once.

create function person_of(address text, otherwise uuid) returns uuid
language plpgsql volatile as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('norda.person.' || address, 0));
    -- A statement of its own sees what was committed while the lock was awaited; the locking one would not.
    return coalesce((select p.person_id from participant as p where p.email_key = address limit 1), otherwise);
end $$;
comment on function person_of is 'The pseudonym of an address, or the given one for an unknown address; whoever asks next for the same address waits until this transaction ends.';
