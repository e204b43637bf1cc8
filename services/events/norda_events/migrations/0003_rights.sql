-- Who sees and changes which rows: behind the use cases, the same once more (docs/decisions/0032-who-may-what-in-events.md
-- and 0081-rights-twice.md). The service's role is bound by these policies; the owner, of the functions too, is not.

alter table event
    add column released_at timestamptz,
    add constraint event_drafts_are_not_released check (released_at is null or status <> 'draft'),
    -- What the two tables below refer to, so that the lead they name is the event's.
    add constraint event_lead unique (id, responsible_state);
comment on column event.released_at is 'Since when everybody may see it without signing in; null: only who has signed in.';
create index event_released on event (starts_at, id) where released_at is not null;

-- The lead stands in each row that policies look at by thousands: a cancellation must not look its event up so often.
alter table registration add column responsible_state text;
update registration as r set responsible_state = e.responsible_state from event as e where e.id = r.event_id;
alter table registration
    alter column responsible_state set not null,
    drop constraint registration_event_id_fkey,
    add foreign key (event_id, responsible_state) references event (id, responsible_state);
comment on column registration.responsible_state is 'The event''s lead.';
alter table participant add column responsible_state text;
update participant as p set responsible_state = e.responsible_state from event as e where e.id = p.event_id;
alter table participant
    alter column responsible_state set not null,
    add foreign key (event_id, responsible_state) references event (id, responsible_state);
comment on column participant.responsible_state is 'The event''s lead.';

-- Who asks. The bodies are bound to what they name as they are made, whatever the search path of a later caller.

create function signed_in() returns boolean stable language sql
    return coalesce(current_setting('norda.roles', true), '') <> '';
comment on function signed_in is 'Somebody with a role, or the service itself.';
create function office_state() returns text stable language sql
    return case when has_role('office', 'lead', 'pr') then caller_state() end;
comment on function office_state is 'The state for whose office somebody works; null for everybody else.';

-- What policies have to look up in other tables, past those tables' policies: else each would ask for the other in turn.

create function hosts(of_event uuid) returns boolean stable security definer language sql
    return exists (select from host as h where h.state = office_state() and h.event_id = of_event);
comment on function hosts is 'Whether the caller''s office is among the hosts.';
create function has_quota(of_event uuid) returns boolean stable security definer language sql
    return exists (select from quota as q where q.state = office_state() and q.event_id = of_event);
comment on function has_quota is 'Whether seats were set aside for the caller''s state.';
create function may_see_person(of_registration uuid) returns boolean stable security definer language sql
    return exists (select from registration as r
                   where r.id = of_registration and r.participant_state = office_state() and hosts(r.event_id));
comment on function may_see_person is 'Whether the caller''s office is a host, and the participant from its own state.';

create function leads(of_event uuid) returns boolean stable language sql
    return is_system()
        or exists (select from event as e where e.id = of_event and e.responsible_state = office_state());
comment on function leads is 'Whether the caller''s office leads the event.';

-- `(select ...)` is asked once per statement, not once per row; a scalar sub-select looks one row up where `exists`
-- might be answered by reading the whole table first.

alter table event enable row level security;
create policy read on event for select
    using (sequence > 0 and (select signed_in()) or released_at is not null or (select is_system())
           or responsible_state = (select office_state()) or (select office_state()) is not null and hosts(id));
create policy draft on event for insert
    with check ((select is_system()) or responsible_state = (select office_state()));
create policy change on event for update
    using ((select is_system()) or responsible_state = (select office_state())
           or (select office_state()) is not null and (hosts(id) or has_quota(id)));
create policy discard on event for delete
    using (status = 'draft' and ((select is_system()) or responsible_state = (select office_state())));

alter table host enable row level security;
create policy read on host for select
    using ((select is_system()) or (select true from event as e where e.id = event_id));
create policy add on host for insert with check (leads(event_id));
create policy agree on host for update using (state = (select office_state()) or leads(event_id));
create policy remove on host for delete using (leads(event_id));

alter table quota enable row level security;
create policy read on quota for select
    using ((select is_system()) or (select true from event as e where e.id = event_id));
create policy add on quota for insert with check (leads(event_id));
create policy release on quota for update using (state = (select office_state()) or leads(event_id));
create policy remove on quota for delete using (leads(event_id));

alter table organisation enable row level security;
create policy read on organisation for select using ((select signed_in()));
create policy copy on organisation using ((select is_system()));

-- Only what was published is registered for, and stays published: who has signed in sees its event. No person is here.
alter table registration enable row level security;
create policy read on registration for select using ((select signed_in()));
create policy register on registration for insert
    with check (((select is_system()) or responsible_state = (select office_state())
                 or participant_state = (select office_state()) and hosts(event_id))
                and (select e.sequence > 0 from event as e where e.id = event_id));
create policy change on registration for update
    using ((select is_system()) or responsible_state = (select office_state())
           or participant_state = (select office_state()) and hosts(event_id));

-- Nobody deletes a row: erasure nulls the person.
alter table participant enable row level security;
create policy read on participant for select
    using ((select is_system()) or responsible_state = (select office_state())
           or (select office_state()) is not null and may_see_person(registration_id));
create policy register on participant for insert
    with check ((select is_system()) or responsible_state = (select office_state())
                or (select office_state()) is not null and may_see_person(registration_id));
create policy change on participant for update
    using ((select is_system()) or responsible_state = (select office_state())
           or (select office_state()) is not null and may_see_person(registration_id));

-- What use cases must find out beyond what their caller may see; ids and counts, no personal data.

create function registration_of(of_event uuid, address text) returns uuid stable security definer language sql
    return (select p.registration_id from participant as p
            where p.event_id = of_event and p.email_key = address
              and (is_system() or p.responsible_state = office_state() or hosts(of_event)));
comment on function registration_of is 'The registration of an address for an event, for those who register there: it may be another state''s participant.';

create or replace function person_of(address text, otherwise uuid) returns uuid
volatile security definer set search_path from current language plpgsql as $$
begin
    if office_state() is null and not is_system() then
        raise insufficient_privilege using message = 'pseudonyms are for those who register participants';
    end if;
    perform pg_advisory_xact_lock(hashtextextended('norda.person.' || address, 0));
    -- A statement of its own sees what was committed while the lock was awaited; the locking one would not.
    return coalesce((select p.person_id from participant as p where p.email_key = address limit 1), otherwise);
end $$;

create function seats_taken(of_events uuid[])
returns table (event_id uuid, status text, participant_state text, seats bigint)
stable security definer language sql
begin atomic
    select r.event_id, r.status, r.participant_state, count(*)
    from registration as r join event as e on e.id = r.event_id
    where r.event_id = any(of_events) and r.status in ('confirmed', 'waitlisted')
      and (signed_in() or e.released_at is not null)
    group by r.event_id, r.status, r.participant_state;
end;
comment on function seats_taken is 'How the seats of events stand, for whoever sees these events.';

-- Where a policy stands before it, PostgreSQL asks no index for `like`: the pattern might be one that tells. So what is
-- seen and what fits is said here together, past the policy.
create function events_with(patterns text[], most int) returns setof uuid stable security definer language sql
begin atomic
    select e.id from event as e
    where e.search_text like patterns[1] and e.search_text like all(patterns)
      and (e.sequence > 0 and (select signed_in()) or e.released_at is not null or (select is_system())
           or e.responsible_state = (select office_state()) or (select office_state()) is not null and hosts(e.id))
    limit most;
end;
comment on function events_with is 'Of the events the caller sees (policy read) some whose words fit all patterns; the first one is looked up in the index.';
