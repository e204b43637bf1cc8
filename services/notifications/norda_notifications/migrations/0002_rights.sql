-- Row-level security: what rules/rights.py says, once more where every way to the data passes (docs/decisions/0081).

-- Who may what, as rules/rights.py names it.
create function may_read() returns boolean stable language sql
    return is_system() or has_role('office', 'lead', 'pr', 'operator', 'auditor', 'integrator');
create function office_state() returns text stable language sql
    return case when has_role('office', 'lead') then caller_state() end;
create function staff_state() returns text stable language sql
    return case when has_role('office', 'lead', 'pr') then caller_state() end;
comment on function staff_state is 'Whose records the caller works on; null, and equal to no state, for everybody else.';

-- A policy asks in parentheses, `(select ...)`: once for a statement and not once for a row.
alter table beginning enable row level security;
create policy read on beginning for select using ((select is_system()));

alter table notice enable row level security;
create policy system on notice using ((select is_system()));
create policy read on notice for select using ((select may_read()));

-- Persons are for the service alone: offices meet them in their own subscriptions, and by the functions below.
alter table recipient enable row level security;
create policy system on recipient using ((select is_system()));
create policy read_office on recipient for select using (kind = 'office' and (select may_read()));
create policy change_own_office on recipient for update
    using (kind = 'office' and state = (select office_state()));

alter table subscription enable row level security;
create policy system on subscription using ((select is_system()));
create policy read_own on subscription for select using (state = (select staff_state()));
create policy add_own on subscription for insert with check (state = (select staff_state()));
create policy change_own on subscription for update using (state = (select staff_state()));

alter table suppression enable row level security;
create policy system on suppression using ((select is_system()));
create policy read_own on suppression for select using (state = (select staff_state()));
create policy add_own on suppression for insert with check (state = (select staff_state()));

-- Of deliveries, offices have those of their own inbox; operators have delivery_fate, which shows no address.
alter table delivery enable row level security;
create policy system on delivery using ((select is_system()));
create policy read_own_inbox on delivery for select
    using (channel = 'inbox' and state = (select staff_state()));
create policy mark_own_inbox on delivery for update
    using (channel = 'inbox' and state = (select staff_state()));

create function masked(address text) returns text immutable language sql
    return case when address is null then null
                when position('@' in address) = 0 then '***'
                else regexp_replace(address, '^(.?).*@', '\1***@') end;
comment on function masked is 'p***@ex-005.example: what operators see of an address.';

-- Runs as its owner, hence past the policies. Its joins make it a view that cannot be written through.
create view delivery_fate as
select d.id, d.notice_id, n.kind, n.subject_id, n.traceparent, d.state, d.channel, d.status, d.attempts, d.due_at,
       d.settled_at, d.last_error, d.created_at, masked(r.address_key) as recipient
from delivery d left join notice n on n.id = d.notice_id left join recipient r on r.id = d.recipient_id
where (select is_system() or has_role('operator'));
comment on view delivery_fate is 'What became of each delivery, for operators: no query of theirs can read an address.';

-- The narrow ways past the policies: each answers an id, a number or a yes, never an address.

create function enter_person(key text, at timestamptz) returns uuid
    volatile security definer language plpgsql set search_path = notifications, pg_temp as $$
declare
    found_id uuid;
begin
    if not (is_system() or staff_state() is not null) then
        return null;
    end if;
    insert into recipient (kind, address_key, changed_at) values ('person', key, at)
    on conflict (address_key) where kind = 'person' do update set address_key = excluded.address_key
    returning id into found_id;
    return found_id;
end $$;
comment on function enter_person is 'The person with this key, entered if new, also where another state knows them; locks'
    ' the row. Null for whoever may not subscribe anybody.';

create function person_of(key text) returns uuid
    stable security definer language sql set search_path = notifications, pg_temp
    return (select id from recipient
            where kind = 'person' and address_key = key
              and (is_system() or staff_state() is not null));
comment on function person_of is 'The person with this key, to find the own state''s subscriptions by address.';

create function has_objected(person uuid) returns boolean
    stable security definer language sql set search_path = notifications, pg_temp
    return exists (select from recipient r join suppression p on p.address_hash = sha256(convert_to(r.address_key, 'UTF8'))
                   where r.id = person and (is_system() or staff_state() is not null));
comment on function has_objected is 'Whether this person objected, to whichever state: the objection holds for all.';

create function deliveries_of(told uuid) returns jsonb
    stable security definer language sql set search_path = notifications, pg_temp
    return (select coalesce(jsonb_object_agg(status, number), '{}')
            from (select status, count(*) as number from delivery where notice_id = told and may_read()
                  group by status) as counted);
comment on function deliveries_of is 'How many of a notice''s deliveries stand where: {"delivered": 51, "due": 1}.';
