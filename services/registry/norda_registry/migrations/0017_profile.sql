-- Profiles: dated figures, proposed codes, confirmations by link, releases by field, members of clusters.

-- ---------------------------------------------------------------------------------------------- dated figures

-- No foreign key: what an office entered stays with it when the organisation moves to another instance
-- (docs/decisions/0090-offer-and-acceptance.md). So it is with confirmations.
create table figure (
    id              bigint      generated always as identity primary key,
    organisation_id uuid        not null,
    state           text        not null default caller_state() check (state ~ '^[a-z]{2}$'),
    kind            text        not null check (kind in ('employees', 'turnover', 'balance')),
    on_day          date        not null,
    source          text        not null check (length(source) between 1 and 200),
    value           bigint      check (value >= 0),
    recorded_at     timestamptz not null,
    recorded_by     text        not null,
    import_id       uuid,
    merger_id       uuid
);
comment on table figure is 'Employees, turnover and balance by day and source; rows are added and never changed. For the'
    ' responsible office alone, as figures, which holds the newest of each kind; of what has left, for the office that'
    ' entered them.';
comment on column figure.state is 'Whose office entered it.';
comment on column figure.import_id is 'The import that said it, which takes it back when it is reverted.';
comment on column figure.merger_id is 'The merger that carried it along from the record that went; it goes with its undoing.';
create index figure_organisation on figure (organisation_id, kind, on_day desc);
create index figure_merger on figure (merger_id) where merger_id is not null;
alter table figure enable row level security;
create policy read on figure for select
    using (coalesce((select responsible_state from organisation where id = organisation_id), state)
           = (select staff_state()));
create policy enter on figure for insert
    with check (state = (select office_state())
                and (select responsible_state from organisation where id = organisation_id) = (select office_state()));
create policy undo_merger on figure for delete
    using (merger_id is not null
           and (select responsible_state from organisation where id = organisation_id) = (select office_state()));
create policy revert_import on figure for delete
    using (import_id is not null and state = (select office_state()));

insert into figure (organisation_id, state, kind, on_day, source, value, recorded_at, recorded_by)
select figures.organisation_id, organisation.responsible_state, had.kind, (coalesce(last.changed_at, now()) at time zone 'Europe/Berlin')::date,
       'office', had.value, coalesce(last.changed_at, now()), coalesce(last.changed_by, 'migration')
  from figures join organisation on organisation.id = figures.organisation_id
 cross join lateral (values ('employees', employees::bigint), ('turnover', turnover_cents), ('balance', balance_cents))
       as had(kind, value)
  left join lateral (select changed_at, changed_by from organisation_version
                      where organisation_version.organisation_id = figures.organisation_id
                      order by version desc limit 1) as last on true
 where had.value is not null;

-- Whoever writes the newest figures without having entered a row for them, the form or a table without a source, says so
-- today. Once for a statement: a table writes a thousand organisations with one. As the owner, since the policies of figures
-- have been asked: they would be asked once more for each row. An import says its source and itself for its statements, and puts
-- rows of the days it says in the place of these (store/figures.py).
create function figures_source() returns text stable language sql
    return coalesce(nullif(current_setting('norda.figures_source', true), ''), 'office');
create function figures_import() returns uuid stable language sql
    return nullif(current_setting('norda.figures_import', true), '')::uuid;
create function date_first_figures() returns trigger security definer set search_path from current language plpgsql as $$
begin
    insert into figure (organisation_id, kind, on_day, source, value, recorded_at, recorded_by, import_id)
    select written.organisation_id, said.kind, (now() at time zone 'Europe/Berlin')::date, figures_source(), said.value,
           clock_timestamp(), coalesce(caller_subject(), ''), figures_import()
      from written
     cross join lateral (values ('employees', employees::bigint), ('turnover', turnover_cents), ('balance', balance_cents))
           as said(kind, value)
     where said.value is not null;
    return null;
end $$;
comment on function date_first_figures is 'Keeps figure in step with figures of a new organisation, which has none before.';
create function date_figures() returns trigger security definer set search_path from current language plpgsql as $$
begin
    insert into figure (organisation_id, kind, on_day, source, value, recorded_at, recorded_by, import_id)
    select written.organisation_id, said.kind, (now() at time zone 'Europe/Berlin')::date, figures_source(), said.value,
           clock_timestamp(), coalesce(caller_subject(), ''), figures_import()
      from written
     cross join lateral (values ('employees', employees::bigint), ('turnover', turnover_cents), ('balance', balance_cents))
           as said(kind, value)
      left join lateral (select value, true as known from figure
                          where figure.organisation_id = written.organisation_id and figure.kind = said.kind
                          order by on_day desc, recorded_at desc, id desc limit 1) as newest on true
     where said.value is distinct from newest.value and (said.value is not null or newest.known);
    return null;
end $$;
comment on function date_figures is 'Keeps figure in step with figures.';
create trigger dated after insert on figures referencing new table as written
    for each statement execute function date_first_figures();
create trigger redated after update on figures referencing new table as written
    for each statement execute function date_figures();

-- What belongs to an organisation goes with it. Foreign keys, whose check comes once for each of some ten rows of a new
-- organisation, were a quarter of what it cost PostgreSQL; the statement that writes an organisation writes these, too.
alter table identifier drop constraint identifier_organisation_id_fkey;
alter table figures drop constraint figures_organisation_id_fkey;
alter table contact drop constraint contact_organisation_id_fkey;
create function take_along() returns trigger security definer set search_path from current language plpgsql as $$
begin
    delete from identifier where organisation_id in (select id from gone);
    delete from figures where organisation_id in (select id from gone);
    delete from contact where organisation_id in (select id from gone);
    delete from contact_replaced where organisation_id in (select id from gone);
    return null;
end $$;
comment on function take_along is 'Deletes numbers, figures and contact address of organisations that are deleted.';
create trigger taken_along after delete on organisation referencing old table as gone
    for each statement execute function take_along();
-- And nothing is entered for an organisation that is not there: whoever knows an id that is to come, or invents one, would
-- else hold numbers that nobody sees. The policies (0012_identity.sql) let a row pass whose organisation is not there yet;
-- once the statement is done it is. Asked once for a statement, with its rows together.
create function demand_organisation() returns trigger security definer set search_path from current
    language plpgsql as $$
begin
    -- `offset 0`: a plan is kept, and one made while the table was small would read it whole for ever.
    if exists (select from (select distinct organisation_id from written) as entered
                 left join lateral (select true as known from organisation
                                     where id = entered.organisation_id offset 0) as owner on true
                where owner.known is null) then
        raise exception 'a row of % belongs to no organisation', tg_table_name using errcode = 'insufficient_privilege';
    end if;
    return null;
end $$;
comment on function demand_organisation is 'Refuses rows of organisations that are not there when the statement is done.';
create trigger owned after insert on identifier referencing new table as written
    for each statement execute function demand_organisation();
create trigger owned after insert on figures referencing new table as written
    for each statement execute function demand_organisation();
create trigger owned after insert on organisation_version referencing new table as written
    for each statement execute function demand_organisation();

-- ------------------------------------------------------------------------------------- what a profile still lacks

-- The same as WEIGHTS in rules/completeness.py; a test holds them together. Parts of a hundred, rounded down. Plain
-- expressions, which PostgreSQL writes out where the functions are called; one with a query in it is run for each row.
create function weight_of(kind text, company int, research int, cluster int, association int, other int) returns int
    immutable language sql
    return case kind when 'company' then company when 'research' then research when 'cluster' then cluster
                     when 'association' then association else other end;
create function completeness_of(kind text, data jsonb) returns smallint immutable language sql
    return ((
           weight_of(kind, 5, 10, 10, 10, 0) * (data ? 'legal_form')::int
         + weight_of(kind, 10, 0, 5, 5, 0) * jsonb_path_exists(data, '$.register_entries[*] ? (!exists(@.valid_to))')::int
         + weight_of(kind, 5, 0, 0, 0, 0) * (data ? 'vat_id')::int
         + weight_of(kind, 5, 10, 10, 10, 10) * coalesce(data -> 'seat' ?& array['place', 'postal_code', 'street'], false)::int
         + weight_of(kind, 5, 10, 10, 10, 10) * coalesce(data -> 'seat' ? 'ags', false)::int
         + weight_of(kind, 3, 5, 5, 5, 5) * coalesce(data -> 'seat' ? 'nuts', false)::int
         + weight_of(kind, 10, 5, 0, 0, 0) * jsonb_path_exists(data, '$.activities[*] ? (@.edition == "WZ2025")')::int
         + weight_of(kind, 12, 20, 0, 0, 0) * jsonb_path_exists(data, '$.competences[*]')::int
         + weight_of(kind, 8, 10, 10, 10, 10) * jsonb_path_exists(data, '$.roles[*]')::int
         + weight_of(kind, 5, 0, 0, 0, 0) * (data ? 'value_chain')::int
         + weight_of(kind, 7, 0, 0, 0, 0) * (data ? 'size_class')::int
         + weight_of(kind, 7, 20, 20, 20, 20) * (data ? 'website')::int
         + weight_of(kind, 6, 15, 15, 15, 15) * (data ? 'profile')::int
         + weight_of(kind, 3, 10, 10, 10, 10) * (data ? 'name_en')::int
         + weight_of(kind, 6, 10, 10, 10, 10) * (data ? 'profile_en')::int
         + weight_of(kind, 3, 0, 0, 0, 0) * jsonb_path_exists(data, '$.certificates[*]')::int
         + weight_of(kind, 0, 0, 20, 10, 0) * jsonb_path_exists(data, '$.indicators[*]')::int
        ) * 100 / weight_of(kind, 100, 125, 125, 115, 90))::smallint;
comment on function completeness_of is 'How complete a published document is, in per cent of what its kind could say.';

-- Generated, so that whoever writes an organisation need not know of it. Of own organisations alone: the directory, which
-- copies those of all states, is not slowed.
alter table organisation add column completeness smallint
    generated always as (completeness_of(kind, data)) stored;
comment on column organisation.completeness is 'Per cent of what a profile of its kind could say.';
create index organisation_completeness on organisation (responsible_state, completeness, id) where status = 'active';
-- As text: an instant's notation does not depend on the session, and sorts as it is written.
alter table organisation add column confirmed_at text
    generated always as (coalesce(data ->> 'confirmed_at', '')) stored;
comment on column organisation.confirmed_at is 'When it last confirmed its profile, as published; empty for never.';

-- The overview counts what is to do; each of these is what an index holds, so that what is done costs nothing.
create function earliest_end(certificates jsonb) returns text immutable language sql
    return (select min(item ->> 'valid_to') from jsonb_array_elements(certificates) as item);
alter table organisation add column certificate_ends text
    generated always as (case when jsonb_path_exists(data, '$.certificates[*].valid_to')
                              then earliest_end(data -> 'certificates') end) stored;
comment on column organisation.certificate_ends is 'The first day on which one of its certificates ends or ended.';
create index organisation_certificate_ends on organisation (responsible_state, certificate_ends, id)
    where status = 'active' and certificate_ends is not null;

alter table organisation add column decided_codes jsonb not null default '{"codes": []}';
comment on column organisation.decided_codes is 'The codes of code_decision, which a trigger there keeps here.';
alter table organisation add column codes_open boolean
    generated always as (jsonb_path_exists(
        data, '$.activities[*] ? (@.edition == "WZ2008" && !(@.code == $codes[*]))', decided_codes)) stored;
comment on column organisation.codes_open is 'Whether it has a code of WZ 2008 for which nobody has decided.';
create index organisation_codes_open on organisation (responsible_state, id) where status = 'active' and codes_open;

-- ------------------------------------------------------------------------------------ codes of WZ 2008 and WZ 2025

create table code_decision (
    organisation_id uuid        not null references organisation on delete cascade,
    code            text        not null,
    chosen          text[]      not null,
    decided_at      timestamptz not null,
    decided_by      text        not null,
    primary key (organisation_id, code)
);
comment on table code_decision is 'What a person chose of the codes of WZ 2025 proposed for one of WZ 2008; none: no such.';
alter table code_decision enable row level security;
create policy read on code_decision for select using ((select is_somebody()));
create policy decide on code_decision
    using ((select responsible_state from organisation where id = organisation_id) = (select office_state()));

create function keep_decided_codes() returns trigger security definer set search_path from current language plpgsql as $$
begin
    update organisation
       set decided_codes = jsonb_build_object(
               'codes', (select jsonb_agg(code order by code) from code_decision where organisation_id = organisation.id))
     where id in (select organisation_id from written);
    return null;
end $$;
comment on function keep_decided_codes is 'Keeps organisation.decided_codes in step: decisions are added and changed alone.';
create trigger kept after insert on code_decision referencing new table as written
    for each statement execute function keep_decided_codes();

-- ---------------------------------------------------------------------------------------- confirmation by the link

create table confirmation (
    id              uuid        primary key,
    organisation_id uuid        not null,
    state           text        not null check (state ~ '^[a-z]{2}$'),
    version         bigint      not null default 1 check (version > 0),
    sent_at         timestamptz not null,
    sent_by         text        not null,
    expires_at      timestamptz not null,
    answered_at     timestamptz,
    answer          text        check (answer in ('confirmed', 'proposed')),
    shown           jsonb,
    proposal        jsonb,
    decided_at      timestamptz,
    decided_by      text,
    taken           text[],
    ended_at        timestamptz,
    address_hash    bytea       check (length(address_hash) = 32),
    check ((answered_at is null) = (answer is null)),
    check ((answer = 'proposed') or proposal is null),
    check ((decided_at is null) = (taken is null))
);
comment on table confirmation is 'Links sent to organisations to confirm their profile, what they answered and what became'
    ' of it. The link itself is kept nowhere: it is signed. ended_at: used, replaced or expired. address_hash knows'
    ' again whom it was sent to, who may ask to be erased while it is on the private topic.';
-- Of one office: a link that the office before sent is ended by the service, when the organisation has moved.
create unique index confirmation_open on confirmation (organisation_id, state) where ended_at is null;
create index confirmation_state on confirmation (state, sent_at desc, id);
create index confirmation_organisation on confirmation (organisation_id, sent_at desc);
create index confirmation_proposed on confirmation (state, answered_at) where answer = 'proposed' and decided_at is null;
create index confirmation_expiring on confirmation (expires_at) where ended_at is null;
alter table confirmation enable row level security;
create policy read on confirmation for select using (state = (select staff_state()) or (select is_system()));
create policy send on confirmation for insert
    with check (state = (select office_state())
                and (select responsible_state from organisation where id = organisation_id) = (select office_state()));
create policy settle on confirmation for update
    using (state = (select office_state()) or (select is_system()));

-- Whether links go out by themselves, once a year; where there is no row they do not.
create table confirmation_plan (
    state      text        primary key check (state ~ '^[a-z]{2}$'),
    yearly     boolean     not null,
    a_day      integer     not null check (a_day between 1 and 500),
    changed_at timestamptz not null,
    changed_by text        not null
);
comment on table confirmation_plan is 'Of each office, whether the service sends links to whom it is time to ask, and how many a day.';
alter table confirmation_plan enable row level security;
create policy read on confirmation_plan for select using (state = (select staff_state()));
create policy plan on confirmation_plan
    using (state = (select office_state())) with check (state = (select office_state()));

-- Who is to be asked stands with the address that is asked, for few things change it: links, and of an organisation the
-- status, an offer, a move and when it confirmed last. An index holds them, so that nobody reads a million to count none.
alter table contact add column state text;
alter table contact add column due_from text;
alter table contact add column asked_at timestamptz not null default '-infinity';
comment on column contact.asked_at is 'When its office sent it a link last.';
comment on column contact.due_from is 'Since when it has not confirmed (empty: never), as organisation.confirmed_at; null where'
    ' it is not to be asked: not active, on its way to another state, with an open link or an undecided proposal.';
create function due_from_of(owner organisation) returns text stable language sql
    return case when (owner).status = 'active' and (owner).offered_to is null
                     and not exists (select from confirmation
                                      where organisation_id = (owner).id and state = (owner).responsible_state
                                        and (ended_at is null or (answer = 'proposed' and decided_at is null)))
                then (owner).confirmed_at end;
create function asked_at_of(owner organisation) returns timestamptz stable language sql
    return coalesce((select max(sent_at) from confirmation
                      where organisation_id = (owner).id and state = (owner).responsible_state), '-infinity');
update contact set state = responsible_state, due_from = due_from_of(organisation)
  from organisation where organisation.id = contact.organisation_id;
create index contact_due on contact (state, due_from, organisation_id) where due_from is not null;
create index contact_to_ask on contact (state, asked_at, organisation_id) where due_from is not null;
create function keep_due(ids uuid[]) returns void security definer set search_path from current language plpgsql as $$
begin
    -- Locked first: what somebody else has just written of the same one is seen by the statement that follows.
    perform from contact where organisation_id = any(ids) order by organisation_id for update;
    update contact
       set state = responsible_state, due_from = due_from_of(organisation), asked_at = asked_at_of(organisation)
      from organisation
     where organisation.id = contact.organisation_id and contact.organisation_id = any(ids);
end $$;
comment on function keep_due is 'Keeps contact.state, due_from and asked_at in step.';
create function keep_due_of_changed() returns trigger security definer set search_path from current language plpgsql as $$
declare
    ids uuid[];
begin
    select array_agg(is_now.id) into ids from was join is_now using (id)
     where (was.status, was.offered_to, was.responsible_state, was.confirmed_at)
           is distinct from (is_now.status, is_now.offered_to, is_now.responsible_state, is_now.confirmed_at);
    if ids is not null then
        perform keep_due(ids);
    end if;
    return null;
end $$;
create trigger due_kept after update on organisation referencing old table as was new table as is_now
    for each statement execute function keep_due_of_changed();
create function keep_due_of_asked() returns trigger security definer set search_path from current language plpgsql as $$
begin
    perform keep_due(array(select organisation_id from written));
    return null;
end $$;
create trigger due_kept after insert on confirmation referencing new table as written
    for each statement execute function keep_due_of_asked();
create trigger due_kept_since after update on confirmation referencing new table as written
    for each statement execute function keep_due_of_asked();

-- ----------------------------------------------------------------------------------------------- releases by field

-- From now on a release is said on a topic, so that an instance shows and withdraws what another one's office decides. The
-- row stays when a release ends: its sequence goes on growing.
alter table release drop constraint release_organisation_id_fkey;
alter table release alter column released_by drop not null;
alter table release add column fields text[] not null default '{competences}';
alter table release alter column fields drop default;
alter table release add column sequence bigint not null default 1;
alter table release alter column sequence drop default;
alter table release add column ended_at timestamptz;
comment on table release is 'What is shown to everybody, of organisations of all states: own ones as decided here, others as'
    ' last said on their topic. Ended ones stay, for their sequence.';
create index release_holds on release (organisation_id) where ended_at is null;
alter table release add column touched xid8 not null default pg_current_xact_id();
comment on column release.touched is 'The transaction that wrote the row last, as of directory: by it sets in memory learn what is shown.';
create index release_touched on release (touched);

drop policy withdraw on release;
create policy change on release for update
    using ((select responsible_state from organisation where id = organisation_id) = (select staff_state()))
    with check (state = (select staff_state()));
create policy follow on release using ((select is_system()));

create or replace function is_released(organisation uuid) returns boolean stable security definer
    set search_path from current
    language sql return exists (select from release where organisation_id = organisation and ended_at is null);

create function released_part(document jsonb, fields text[]) returns jsonb immutable language sql
return (
    select jsonb_object_agg(key, value)
      from jsonb_each(document)
     where key in ('organisation_id', 'responsible_state', 'kind', 'status', 'legal_name', 'legal_form', 'seat', 'changed_at')
        or ('website' = any(fields) and key = 'website')
        or ('profile' = any(fields) and key in ('profile', 'roles', 'value_chain'))
        or ('competences' = any(fields) and key = 'competences')
        or ('activities' = any(fields) and key = 'activities')
        or ('sites' = any(fields) and key = 'sites')
        or ('certificates' = any(fields) and key = 'certificates')
        or ('memberships' = any(fields) and key = 'memberships')
        or ('size_class' = any(fields) and key = 'size_class')
        or ('english' = any(fields) and key in ('name_en', 'profile_en'))
);
comment on function released_part is 'Of a document what these groups show; the same as rules/releases.py.';

-- What finds a row may tell no more than what is shown of it. Of search_text that is the present name; the places of it
-- cannot be told from others', so they are folded once more, as rules/names.py does.
create function shown_places(document jsonb, fields text[]) returns text immutable language sql
return (
    select coalesce(string_agg(' ' || regexp_replace(folded, '[^a-z0-9]+', ' ', 'g'), ''), '')
      from (select lower(document #>> '{seat,place}')
             union all
            select lower(site #>> '{address,place}')
              from jsonb_array_elements(case when 'sites' = any(fields) then document -> 'sites' end) as site
           ) as places(place)
     cross join lateral (values
        (replace(replace(replace(replace(normalize(place), 'ä', 'ae'), 'ö', 'oe'), 'ü', 'ue'), 'ß', 'ss')),
        (regexp_replace(normalize(replace(place, 'ß', 'ss'), nfkd), '[\u0300-\u036f]', '', 'g'))) as both_ways(folded)
);
comment on function shown_places is 'Words of the places that a release shows, each after a blank, in both foldings.';

-- As before, but the row of a release that has ended stays.
create or replace function released_successor(organisation uuid) returns uuid stable security definer
    set search_path from current
    language sql return (
        select d.organisation_id from directory as d
         where d.organisation_id = successor_of(organisation) and d.organisation_id <> organisation
           and d.status = 'active' and is_released(d.organisation_id) and is_released(organisation));

-- Everybody reads the view alone, which shows of a document what was released: the table itself is for who has signed in.
alter policy read on directory using ((select is_somebody()));
-- The view has whatever columns the directory has, of whichever migration.
do $$
declare
    columns text;
begin
    select string_agg(format('directory.%I', attname), ', ' order by attnum) into columns
      from pg_attribute
     where attrelid = 'directory'::regclass and attnum > 0 and not attisdropped and attname <> 'data';
    drop view directory_released;
    execute format(
        'create view directory_released as
         select %s, released_part(directory.data, release.fields) as data, release.fields as released_fields,
                left(search_text, name_end) || shown_places(directory.data, release.fields) as shown_text
           from directory join release using (organisation_id)
          where directory.status = ''active'' and release.ended_at is null', columns);
end $$;
comment on view directory_released is 'The directory for everybody: what is released and active, and of it what is shown; shown_text: by which words it is found.';

-- So does the search of what is released: the indexes of words and names find more than is shown, of which the rest is
-- found by nobody.
drop view directory_search_released;
create view directory_search_released as
select directory.organisation_id, slot, directory.sequence, sort_name, search_text,
       left(search_text, name_end) || shown_places(directory.data, release.fields) as shown_text, name_end, former_end,
       facets, released_part(directory.data, release.fields) as data, changed_at, directory.touched
  from directory join release using (organisation_id)
 where directory.status = 'active' and release.ended_at is null;
comment on view directory_search_released is 'The directory as the search of everybody reads it; shown_text: by which words a row is found.';

-- ---------------------------------------------------------------------------------------------- members of clusters

create table membership_proposal (
    id              uuid        primary key,
    sequence        bigint      not null,
    organisation_id uuid        not null,
    state           text        not null check (state ~ '^[a-z]{2}$'),
    proposed_by     text        not null check (proposed_by ~ '^[a-z]{2}$'),
    cluster_id      uuid        not null,
    cluster_code    text        not null,
    change          text        not null,
    kind            text,
    on_day          date        not null,
    source          text        not null,
    proposed_at     timestamptz not null,
    decided_at      timestamptz,
    decided_by      text,
    taken           boolean
);
comment on table membership_proposal is 'Joins and leaves that another state''s office found in a cluster''s list, for the'
    ' office that keeps the organisation; from the topic, also in the instance that proposed.';
create index membership_proposal_open on membership_proposal (state, id) where decided_at is null;
create index membership_proposal_same on membership_proposal (organisation_id, cluster_id) where decided_at is null;
alter table membership_proposal enable row level security;
create policy read on membership_proposal for select
    using (state = (select staff_state()) or proposed_by = (select staff_state()) or (select is_system()));
create policy propose on membership_proposal for insert
    with check (proposed_by = (select office_state()) or (select is_system()));
create policy decide on membership_proposal for update
    using (state = (select office_state()) or (select is_system()));
create policy forget on membership_proposal for delete using ((select is_system()));

-- Few organisations have links; who counts another one in is found by this.
create index organisation_links on organisation (responsible_state, id) where jsonb_path_exists(data, '$.links[*]');
-- And who asks whether anybody does, in whichever state, by these.
create index directory_links on directory using gin ((data -> 'links') jsonb_path_ops)
    where jsonb_path_exists(data, '$.links[*]');
create index organisation_linking on organisation using gin ((data -> 'links') jsonb_path_ops)
    where jsonb_path_exists(data, '$.links[*]');

-- ------------------------------------------------------------------------------------- what was entered by mistake

-- Whether anybody refers to an organisation, also in what the caller may not see: the function asks as its owner. What
-- carries a version of its own (mergers, parts that were split off) needs no look: a revert leaves it alone.
create or replace function is_referred_to(organisation uuid, but_by uuid) returns boolean
    stable security definer set search_path from current language sql
    return exists (select from note where organisation_id = organisation)
        or exists (select from participation where organisation_id = organisation)
        or exists (select from release where organisation_id = organisation and ended_at is null)
        or exists (select from contact_person where organisation_id = organisation)
        or exists (select from confirmation where organisation_id = organisation)
        or exists (select from figure
                    where organisation_id = organisation
                      and case when import_id is null then source <> 'office' else import_id is distinct from but_by end)
        or exists (select from membership_proposal where organisation_id = organisation and decided_at is null)
        or exists (select from merger where organisation in (merged_id, kept_id))
        or exists (select from directory
                    where jsonb_path_exists(data, '$.links[*]')
                      and data -> 'links' @> jsonb_build_array(jsonb_build_object('organisation_id', organisation)))
        or exists (select from organisation as other
                    where jsonb_path_exists(data, '$.links[*]')
                      and data -> 'links' @> jsonb_build_array(jsonb_build_object('organisation_id', organisation)))
        or exists (select from directory
                    where cluster_code is not null and organisation_id = organisation
                      and exists (select from directory member where member.clusters @> array[directory.cluster_code]));
comment on function is_referred_to is 'Notes, contact persons, sourced figures but for those of the import `but_by`, links sent for confirmation, proposals of any'
    ' office, registrations for events, a release for the public, enterprises that count it in, members of a cluster.';

-- What a revert takes back is gone as if it had never been entered, what outlives a move among it; in one place, so that
-- no office has a way to a part of a history.
create function withdraw_organisations(ids uuid[]) returns bigint
    volatile security definer set search_path from current language sql
begin atomic
    with gone as (
        delete from organisation where id = any(ids) and responsible_state = office_state() returning id
    ), versions as (
        delete from organisation_version where organisation_id in (select id from gone)
    ), entered as (
        delete from figure where organisation_id in (select id from gone)
    )
    select count(*) from gone;
end;
comment on function withdraw_organisations is 'For reverts of imports: own organisations that nobody refers to.';
drop policy withdraw on organisation;
