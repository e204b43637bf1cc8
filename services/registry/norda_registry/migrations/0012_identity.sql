-- Identity over time: relocations that are offered, answered and taken over, also between instances of one state each
-- (docs/decisions/0090-offer-and-acceptance.md).

-- To whose office an organisation is offered, as long as that has not answered. Generated, so that whoever writes the
-- document need not know of it.
alter table organisation add column offered_to text
    generated always as (case when data #>> '{handover,refused_at}' is null then data #>> '{handover,to_state}' end) stored;
comment on column organisation.offered_to is 'The state whose office may accept or refuse it; null without an open offer.';
create index organisation_offered_to on organisation (offered_to) where offered_to is not null;
alter table directory add column offered_to text
    generated always as (case when data #>> '{handover,refused_at}' is null then data #>> '{handover,to_state}' end) stored;
comment on column directory.offered_to is 'The state whose office may accept or refuse it; null without an open offer.';
create index directory_offered_to on directory (offered_to, organisation_id) where offered_to is not null;

-- What this instance answered to offers of organisations that another instance keeps: one answer per offer, ever. Of its
-- own organisations the row itself says it.
create table handover_answer (
    organisation_id uuid        not null,
    offered_at      timestamptz not null,
    to_state        text        not null check (to_state ~ '^[a-z]{2}$'),
    answer          text        not null check (answer in ('accepted', 'refused', 'let_go')),
    version         bigint      not null check (version > 0),
    answered_at     timestamptz not null,
    answered_by     text        not null,
    primary key (organisation_id, offered_at)
);
comment on table handover_answer is 'Answers to offers of other instances; let_go: the offer was taken back before one was given.';
alter table handover_answer enable row level security;
create policy read on handover_answer for select using ((select is_somebody()));
create policy answer on handover_answer for insert
    with check (to_state = (select office_state()) or (select is_system()));

-- The history outlives the row: an organisation that moved to another instance leaves it here.
alter table organisation_version drop constraint organisation_version_organisation_id_fkey;

-- The office whose state it is writes it, and the one that it is offered to. That one takes it over, or refuses it and
-- leaves it where it was; nobody gives an organisation away in one step any more.
alter policy change on organisation
    using (responsible_state = (select office_state()) or offered_to = (select office_state()))
    with check (responsible_state = (select office_state()) or data #>> '{handover,to_state}' = (select office_state()));
-- A row whose organisation is not there passes, since that may be written in the same statement; that it was is asked when
-- the statement is done (0017_profile.sql).
alter policy enter on identifier
    with check (coalesce((select (select office_state()) in (responsible_state, coalesce(offered_to, ''))
                            from organisation where id = organisation_id),
                         (select office_state()) is not null));
alter policy take_back on identifier
    using ((select (select office_state()) in (responsible_state, coalesce(offered_to, ''))
              from organisation where id = organisation_id));
alter policy enter on organisation_version
    with check (coalesce((select (select office_state()) in (responsible_state, coalesce(offered_to, ''))
                            from organisation where id = organisation_id),
                         (select office_state()) is not null));

-- The answer of an office whose instance is another one comes by its topic: the service itself settles the offer then, or
-- lets the row go, and what hangs on it; never without an open offer.
create policy settle on organisation for update
    using ((select is_system()) and offered_to is not null)
    with check ((select is_system()) and offered_to is null);
create policy let_go on organisation for delete using ((select is_system()) and offered_to is not null);
create policy follow on organisation_version for insert
    with check ((select is_system())
                and exists (select from organisation where id = organisation_id and offered_to is not null));

-- Entries of merged courts are found by the court that was, as it stands on old letters: type, number and former court.
insert into identifier (organisation_id, kind, value, held)
select distinct organisation_id, 'former', split_part(value, '|', 2) || split_part(value, '|', 3) || '|' || split_part(value, '|', 5),
       false
  from identifier where kind = 'register' and split_part(value, '|', 5) <> '';
insert into directory_number (organisation_id, kind, value, held)
select distinct organisation_id, 'former', split_part(value, '|', 2) || split_part(value, '|', 3) || '|' || split_part(value, '|', 5),
       false
  from directory_number where kind = 'register' and split_part(value, '|', 5) <> '';
