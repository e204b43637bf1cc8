-- What the search page asks for, and what was done to subscriptions and contacts.

-- Both what is kept and what is typed is folded here: Müller is found by mueller and muller. No column holds it.
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

create index subscription_words on subscription
    using gin (array_to_tsvector(kept_words(coalesce(name, '') || ' ' || address || ' ' || topic_value)));

-- What policies say and the words together: behind a policy no index is asked for words (as for notices_about). Of words
-- that very many rows have a thousand are looked at.
create function subscriptions_about(typed text, at_most int) returns setof uuid
    stable security definer set search_path = notifications, pg_temp language sql
begin atomic
    select found.id
    from (select s.id, s.ended_at is not null as ended from subscription as s
          where array_to_tsvector(kept_words(coalesce(s.name, '') || ' ' || s.address || ' ' || s.topic_value))
                @@ (select beginnings(typed))
            and s.state = (select staff_state())
          limit 1000) as found
    order by found.ended, found.id desc
    limit at_most;
end;
comment on function subscriptions_about is 'The own state''s subscriptions whose name, address or topic has words that begin so: running ones first, the newest before.';

-- Of few that have the words the newest are sorted out, of many the newest are walked; PostgreSQL takes every beginning of a
-- word for equally rare.
create or replace function notices_about(words text, at_most int) returns setof uuid
    stable security definer language plpgsql set search_path = notifications, pg_temp as $$
declare
    few uuid[];
begin
    if not may_read() then
        return;
    end if;
    few := array(select id from notice
                  where to_tsvector('simple', title_of(content)) @@ to_tsquery('simple', words) limit 1000);
    if cardinality(few) < 1000 then
        return query select one from unnest(few) as one order by one desc limit at_most;
    else
        return query select id from notice
                     where to_tsvector('simple', title_of(content)) @@ to_tsquery('simple', words)
                     order by id desc limit at_most;
    end if;
end $$;

create function inbox_about(words text, at_most int) returns setof uuid
    stable security definer set search_path = notifications, pg_temp language sql
begin atomic
    select found.id
    from (select d.id
          from notices_about(words, 1000) as n(id)
          -- A notice has a handful of deliveries, which PostgreSQL takes for many.
          cross join lateral (select d.id from delivery as d
                              where d.notice_id = n.id and d.channel = 'inbox' and d.state = (select staff_state())
                              offset 0) as d) as found
    order by found.id desc
    limit at_most;
end;
comment on function inbox_about is 'The newest entries in the own state''s inbox whose title has words that begin so: `forum:* & nord:*`.';

create function deliveries_about(words text, at_most int) returns setof uuid
    stable security definer set search_path = notifications, pg_temp language sql
begin atomic
    select d.id
    from notices_about(words, 50) as found(notice_id)
    cross join lateral (select x.id from delivery as x where x.notice_id = found.notice_id limit at_most) as d
    where (select is_system() or has_role('operator'))
    order by d.id desc
    limit at_most;
end;
comment on function deliveries_about is 'Some deliveries of the newest notices whose title has words that begin so, for operators.';

-- Histories from the audit log, which itself stays the auditors'.

create function subscription_history(of_subscription uuid, most int)
returns table (at timestamptz, subject text, name text, state text, action text, before jsonb, after jsonb)
    stable security definer set search_path = notifications, pg_temp language sql
begin atomic
    select a.at, case when a.state = staff_state() then a.subject end, case when a.state = staff_state() then p.name end,
           a.state, a.action, a.before, a.after
    from audit_log as a left join person as p using (subject)
    where a.kind = 'subscription' and a.item = of_subscription::text
      and exists (select from subscription as s where s.id = of_subscription and s.state = staff_state())
    order by a.id desc
    limit most;
end;
comment on function subscription_history is 'What was done to a subscription of the own state, newest first; without a state: by the service itself.';

create function office_history(of_state text, most int)
returns table (at timestamptz, subject text, name text, state text, action text, before jsonb, after jsonb)
    stable security definer set search_path = notifications, pg_temp language sql
begin atomic
    select a.at, case when a.state = staff_state() then a.subject end, case when a.state = staff_state() then p.name end,
           a.state, a.action, a.before, a.after
    from audit_log as a left join person as p using (subject)
    where a.kind = 'office' and a.item = of_state and of_state = staff_state()
    order by a.id desc
    limit most;
end;
comment on function office_history is 'What was done to the own office''s contact, newest first.';
