-- Restriction (Art. 18 GDPR): what is stored of a person stays, and nothing goes out to them. As an objection it is known by
-- the hash of the address (docs/decisions/0043), so that it also holds for what is entered or told afterwards.

create table restriction (
    address_hash bytea       not null check (length(address_hash) = 32),
    state        text        not null check (state in ('hb', 'hh', 'ni')),
    created_at   timestamptz not null,
    primary key (address_hash, state)
);
comment on table restriction is 'Who asked for restriction, once for each state; the first stops all mail, the last one lifted lets it go.';
alter table restriction enable row level security;
create policy system on restriction using ((select is_system()));

create function is_restricted(person uuid) returns boolean
    stable security definer language sql set search_path = notifications, pg_temp
    return exists (select from recipient r join restriction p on p.address_hash = sha256(convert_to(r.address_key, 'UTF8'))
                   where r.id = person and (is_system() or staff_state() is not null));
comment on function is_restricted is 'Whether this person asked for restriction, shown to the offices that keep subscriptions of theirs.';
