-- The history of an event, for the offices that hold it; the audit log itself stays the auditors'.

create function event_history(of_event uuid, most int)
returns table (at timestamptz, subject text, name text, state text, action text, before jsonb, after jsonb)
stable security definer language sql
begin atomic
    select a.at,
           case when n.named then a.subject end,
           case when n.named then p.name end,
           a.state, a.action, a.before, a.after
    from audit_log as a
    left join person as p using (subject),
    lateral (select has_role('auditor') or a.state = office_state() as named) as n
    where a.kind = 'event' and a.item = of_event::text
      and (has_role('auditor') or office_state() is not null and hosts(of_event))
    order by a.id desc
    limit most;
end;
comment on function event_history is 'What was done to an event, newest first: for auditors, and for the hosts'' offices, to whom people of another state are that state''s office.';

-- Organisations are found by the beginnings of the words of their names, as in the registry
-- (docs/decisions/0071-words-not-trigrams.md): a name has four words and forty trigrams, and folding it here, at every change
-- of whatever, cost as much as the rest of the row.
alter table organisation add column words text not null default '';
update organisation set words = btrim(regexp_replace(folded_name, '[^[:alnum:]]+', ' ', 'g'));
comment on column organisation.words is 'The words of the name, folded by rules/search.py.';
-- While a release rolls out, the one before writes without words and searches without an index; its function, `folded` and
-- `folded_name` can go with the next release.
alter table organisation alter column folded_name drop expression;
drop index organisation_folded_name;
create index organisation_words on organisation using gin (array_to_tsvector(string_to_array(words, ' ')));
-- Most records change an organisation that is there: with room on its page a change needs no new entries in the indexes.
alter table organisation set (fillfactor = 80);

create function organisations_named(wanted tsquery, most int) returns setof uuid stable security definer language sql
begin atomic
    select o.id from organisation as o
    where array_to_tsvector(string_to_array(o.words, ' ')) @@ wanted and o.status = 'active' and signed_in()
    order by o.words collate "C", o.id
    limit most;
end;
comment on function organisations_named(tsquery, int) is 'Active organisations whose names have all these words or beginnings of words, ä beside ae. PostgreSQL asks an index for them only where no policy stands before it (as for events_with).';

-- Whoever hosts or has a quota may agree and release, which raises an event's version and draws positions. All else is the
-- lead's, whatever a use case forgets to ask.
create function only_the_lead_changes() returns trigger language plpgsql set search_path from current as $$
begin
    if not is_system() and old.responsible_state is distinct from office_state()
       and to_jsonb(new) - '{version,sequence,last_position,changed_at}'::text[]
           is distinct from to_jsonb(old) - '{version,sequence,last_position,changed_at}'::text[] then
        raise insufficient_privilege using message = 'only the lead''s office changes an event';
    end if;
    return new;
end $$;
create trigger only_the_lead_changes before update on event for each row execute function only_the_lead_changes();
