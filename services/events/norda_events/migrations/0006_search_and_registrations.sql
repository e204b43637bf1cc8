-- What the search page asks for: persons by the beginnings of the words of their names, or by their address. And the history
-- of a registration.

-- Both what is kept and what is typed is folded here, as rules/search.py folds: Müller is found by mueller and muller. No
-- column holds it, so what is erased is gone from the index, too.
create function folded_words(line text) returns text[] immutable parallel safe language sql return
    string_to_array(btrim(regexp_replace(regexp_replace(regexp_replace(
        normalize(replace(replace(replace(replace(
            lower(normalize(line, nfc) collate "und-x-icu"), 'ä', 'ae'), 'ö', 'oe'), 'ü', 'ue'), 'ß', 'ss'), nfd),
        '[\u0300-\u036f]', '', 'g'),
        '[^[:alnum:]]+', ' ', 'g'),
        '([^ ]{100})[^ ]+', '\1', 'g')), ' ');
comment on function folded_words is 'The words of a line: lower case, umlauts spelt out, other marks dropped, of each 100 letters.';
create function kept_words(line text) returns text[] immutable parallel safe language sql return
    folded_words(line) || folded_words(translate(normalize(line, nfc), 'äöüÄÖÜ', 'aouAOU'));
comment on function kept_words is 'By which words a line is found: those with umlauts also as people write them who have none.';
create function beginnings(typed text) returns tsquery immutable parallel safe language sql return
    (select string_agg(word || ':*', ' & ')::tsquery from unnest((folded_words(typed))[1:10]) as word);
comment on function beginnings is 'Each word that was typed, or its beginning; null without a word.';

create index participant_words on participant using gin (array_to_tsvector(kept_words(name)));

-- The policy of reading and the words together, since behind a policy no index is asked for words (as for events_with). Of a
-- word that very many bear a thousand are looked at.
create function persons_found(typed text, address text, most int) returns setof uuid
stable security definer language sql
begin atomic
    select found.registration_id
    from (select p.registration_id from participant as p
          where (array_to_tsvector(kept_words(p.name)) @@ (select beginnings(typed)) or p.email_key = address)
            and (p.responsible_state = (select office_state())
                 or exists (select from registration as r join host as h on h.event_id = r.event_id
                            where r.id = p.registration_id and r.participant_state = (select office_state())
                              and h.state = (select office_state())))
          limit 1000) as found
    order by found.registration_id desc
    limit most;
end;
comment on function persons_found is 'Registrations of persons whose names have words that begin so, or who have this address, newest first: of those the caller''s office sees (policy read).';

create function registration_history(of_registration uuid, most int)
returns table (at timestamptz, subject text, name text, state text, action text, before jsonb, after jsonb)
stable security definer language sql
begin atomic
    select a.at,
           case when n.named then a.subject end,
           case when n.named then p.name end,
           a.state, a.action, a.before, a.after
    from registration as r
    cross join lateral (
        select * from audit_log where kind = 'registration' and item = r.id::text
        union all
        -- A cancellation is written once, however many are registered.
        select * from audit_log
        where r.status = 'event_cancelled' and kind = 'event' and item = r.event_id::text and action = 'event.cancel') as a
    left join person as p using (subject),
    lateral (select has_role('auditor') or a.state = office_state() as named) as n
    where r.id = of_registration
      and (has_role('auditor') or office_state() is not null and hosts(r.event_id))
    order by a.id desc
    limit most;
end;
comment on function registration_history is 'What was done to a registration, newest first: for whom event_history shows the event''s, in the same way. It holds no personal data of participants.';
