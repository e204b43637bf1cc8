-- Who may see and write what, once more in the database: the same as rules/rights.py, for checks that somebody forgets.
-- An instance of the release before names nobody, so from here on it reads and stores nothing.

-- What stays with the office stands apart from what is published, so that policies can hide it. Each organisation has a
-- row here, which is locked together with the organisation's.
create table figures (
    organisation_id uuid    primary key references organisation on delete cascade,
    employees       integer check (employees >= 0),
    turnover_cents  bigint  check (turnover_cents >= 0),
    balance_cents   bigint  check (balance_cents >= 0)
);
comment on table figures is 'What size classes are computed from; for the responsible office alone, never published.';
insert into figures select id, employees, turnover_cents, balance_cents from organisation;
alter table organisation drop column employees, drop column turnover_cents, drop column balance_cents;
comment on table organisation is 'Own organisations; data is the public state as published.';

create function is_somebody() returns boolean stable language sql
    return caller_subject() is not null or is_system();
comment on function is_somebody is 'Whoever has signed in, with whatever role, and the service itself.';
create function office_state() returns text stable language sql
    return case when has_role('office', 'lead') then caller_state() end;
comment on function office_state is 'The state whose records the caller may change.';
create function staff_state() returns text stable language sql
    return case when has_role('office', 'lead', 'pr') then caller_state() end;
comment on function staff_state is 'The state whose office the caller belongs to.';

-- In policies, `(select f())` is asked once per statement, not once per row.

alter table organisation enable row level security;
create policy read on organisation for select using ((select is_somebody()));
create policy enter on organisation for insert with check (responsible_state = (select office_state()));
-- The losing state's office hands an organisation over to any other.
create policy change on organisation for update
    using (responsible_state = (select office_state())) with check (true);

-- What belongs to an organisation is the organisation's state's. It is written in the statement that writes the
-- organisation, which a policy sees as it was before: another state's is refused, a new one is not there yet (its own
-- policy and the foreign key stand for it), and one that moves is still the losing office's.

alter table figures enable row level security;
create policy read on figures for select
    using ((select responsible_state from organisation where id = organisation_id) = (select staff_state()));
create policy enter on figures for insert
    with check (coalesce((select responsible_state from organisation where id = organisation_id),
                         (select office_state())) = (select office_state()));
create policy change on figures for update
    using ((select responsible_state from organisation where id = organisation_id) = (select office_state()));

alter table identifier enable row level security;
create policy read on identifier for select using ((select is_somebody()));
create policy enter on identifier for insert
    with check (coalesce((select responsible_state from organisation where id = organisation_id),
                         (select office_state())) = (select office_state()));
create policy take_back on identifier for delete
    using ((select responsible_state from organisation where id = organisation_id) = (select office_state()));

-- History is added to, and never changed.
alter table organisation_version enable row level security;
create policy read on organisation_version for select using ((select is_somebody()));
create policy enter on organisation_version for insert
    with check (coalesce((select responsible_state from organisation where id = organisation_id),
                         (select office_state())) = (select office_state()));

alter table contact enable row level security;
create policy read on contact for select
    using ((select responsible_state from organisation where id = organisation_id) = (select staff_state()));
create policy write on contact
    using ((select responsible_state from organisation where id = organisation_id) = (select office_state()));

-- Read models: for everybody who has signed in; the consumers alone write them.

alter table directory enable row level security;
create policy read on directory for select using ((select is_somebody()));
create policy follow on directory using ((select is_system()));
alter table directory_number enable row level security;
create policy read on directory_number for select using ((select is_somebody()));
create policy follow on directory_number using ((select is_system()));
alter table directory_erasure enable row level security;
create policy follow on directory_erasure using ((select is_system()));
alter table participation enable row level security;
create policy read on participation for select using ((select is_somebody()));
create policy follow on participation using ((select is_system()));

-- Lists read the directory through a view that asks the same once. Behind a policy PostgreSQL uses no index for
-- operators that might tell of hidden rows, those of searching words among them, and would read the directory whole.
-- Two things stand in its FROM, so that nobody can write through it with its owner's rights.
create view directory_shown as
select organisation_id, sequence, responsible_state, kind, status, sort_name, search_text, competences, clusters, data
  from directory, (select is_somebody() as asks) as somebody
 where somebody.asks;
comment on view directory_shown is 'The directory for whoever has signed in.';
