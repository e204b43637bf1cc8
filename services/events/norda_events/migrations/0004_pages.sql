-- What the pages ask for: the last changes, drafts, events somebody waits for, organisations by name.

-- With its end in the index, what is over is passed over without a look at the row.
drop index event_starts_at;
create index event_starts_at on event (starts_at, id, ends_at);
create index event_changed_at on event (changed_at, id, ends_at);
create index event_draft on event (starts_at, id) where status = 'draft';
create index registration_waitlisted on registration (event_id) where status = 'waitlisted';

create function folded(name text) returns text immutable parallel safe language sql return
    regexp_replace(
        normalize(replace(replace(replace(replace(lower(normalize(name, nfc)), 'ä', 'ae'), 'ö', 'oe'), 'ü', 'ue'),
                          'ß', 'ss'), nfd),
        '[\u0300-\u036f]', '', 'g');
comment on function folded is 'A name as rules/search.py folds the words of a query: Überseehafen is found by ueberseehafen.';
alter table organisation add column folded_name text generated always as (folded(name)) stored;
create index organisation_folded_name on organisation using gin (folded_name public.gin_trgm_ops);

-- PostgreSQL asks an index for `like` only where no policy stands before it (as for events_with).
create function organisations_named(patterns text[], most int) returns setof uuid stable security definer language sql
begin atomic
    select o.id from organisation as o
    where o.folded_name like patterns[1] and o.folded_name like all(patterns)
      and o.status = 'active' and signed_in()
    order by o.folded_name collate "C", o.id
    limit most;
end;
comment on function organisations_named is 'Active organisations whose names fit all patterns, ä beside ae; the first pattern is looked up in the index.';

create function last_trace_of(of_kind text, of_item text) returns text stable security definer language sql
begin atomic
    select a.trace_id from audit_log as a
    where a.kind = of_kind and a.item = of_item and has_role('operator')
    order by a.id desc limit 1;
end;
comment on function last_trace_of is 'For operators, who may not read the audit log: the trace of the last thing done to a record.';
