-- What the pages ask for: the last changes, drafts, events somebody waits for, organisations by name.

create index event_changed_at on event (changed_at, id);
create index event_draft on event (starts_at, id) where status = 'draft';
create index registration_waitlisted on registration (event_id) where status = 'waitlisted';

create function folded(name text) returns text immutable parallel safe language sql return
    regexp_replace(
        normalize(replace(replace(replace(replace(lower(normalize(name, nfc)), 'ä', 'ae'), 'ö', 'oe'), 'ü', 'ue'),
                          'ß', 'ss'), nfd),
        '[\u0300-\u036f]', '', 'g');
comment on function folded is 'A name as rules/search.py folds the words of a query: Überseehafen is found by ueberseehafen.';
create index organisation_folded_name on organisation using gin (folded(name) public.gin_trgm_ops);
