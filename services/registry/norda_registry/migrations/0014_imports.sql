-- Imports that stay: the uploaded rows, what each would do, what each did; and how a source's columns were understood.
-- Everything belongs to the importing office alone. Rows hold what the office's table held, contact addresses too, so they
-- are deleted 30 days after the import ended (usecases/imports/forgetting.py); its header stays.

create table import_source (
    state        text        not null check (state ~ '^[a-z]{2}$'),
    name         text        not null check (length(name) between 1 and 100),
    headings     text[]      not null,
    columns      text[]      not null check (cardinality(columns) = cardinality(headings)),
    sheet        text        not null,
    mode         text        not null check (mode in ('both', 'create', 'update')),
    empty_clears boolean     not null,
    used_at      timestamptz not null,
    used_by      text        not null,
    persons      text,
    primary key (state, name)
);
comment on table import_source is 'How a source''s columns were understood last; taken by itself when the headings are the same.';
comment on column import_source.persons is 'Why its contact persons were kept last, as JSON; proposed the next time, since a last day passes.';

-- Hashes, since a sole trader's name is a person's.
create table import_known (
    state           text        not null check (state ~ '^[a-z]{2}$'),
    source          text        not null,
    key             bytea       not null check (length(key) = 32),
    organisation_id uuid        not null,
    known_at        timestamptz not null,
    known_by        text        not null,
    primary key (state, source, key)
);
comment on table import_known is 'Which organisation a source''s row without numbers means, by a hash of its name and place: what'
    ' somebody decided, or what an import made of it.';
create index import_known_organisation on import_known (organisation_id);

create table import (
    id               uuid        primary key,
    state            text        not null check (state ~ '^[a-z]{2}$'),
    source           text        not null,
    file_name        text        not null check (length(file_name) <= 200),
    format           text        not null check (format in ('csv', 'xlsx', 'ods')),
    encoding         text        not null,
    delimiter        text        not null,
    sheets           jsonb       not null,
    sheet            int         not null,
    first_row        int         not null,
    headings         text[]      not null,
    columns          text[]      not null,
    mode             text        not null check (mode in ('both', 'create', 'update')),
    empty_clears     boolean     not null,
    status           text        not null check (status in ('mapping', 'planning', 'planned', 'applying', 'applied',
                                                            'reverting', 'reverted', 'cancelled', 'failed')),
    fault            text,
    total            int         not null,
    done             int         not null default 0,
    cursor_row       int         not null default 0,
    phase_started_at timestamptz not null,
    phase_done       int         not null default 0,
    created_at       timestamptz not null,
    created_by       text        not null,
    ended_at         timestamptz,
    forgotten_at     timestamptz,
    acting_subject   text        not null,
    acting_roles     text[]      not null,
    traceparent      text,
    lease_owner      uuid,
    lease_until      timestamptz,
    persons          text
);
comment on column import.persons is 'Why the contact persons of this list are kept, and how long, as JSON; nothing of a person.';
comment on table import is 'One uploaded table; acting_* is who asked for what is being done, in whose name the worker does it.';
comment on column import.cursor_row is 'The last row of the running phase that is done: written in the transaction of what it did.';
create index import_state on import (state, id desc);
create index import_work on import (state, id) where status in ('planning', 'applying', 'reverting');
-- Two that write at once would each plan against what the other is changing.
create unique index import_writing on import (state) where status in ('applying', 'reverting');

-- No foreign keys: their check, once for each of a hundred thousand rows, costs more than the row
-- (docs/decisions/0063-catching-up.md). Cells are JSON in a text, since JSONB takes no NUL and no broken character, and a
-- row with one is to be shown with its fault.
create table import_row (
    import_id uuid     not null,
    sheet     smallint not null,
    row       int      not null,
    state     text     not null,
    cells     text     not null,
    erased    boolean  not null default false,
    primary key (import_id, sheet, row)
);
comment on table import_row is 'The rows of an upload as they came, headings too; row as a spreadsheet counts.';
comment on column import_row.erased is 'A person was taken out of its cells, of which the empty ones say nothing any more.';

create table import_plan (
    import_id       uuid   not null,
    row             int    not null,
    state           text   not null,
    outcome         text   not null check (outcome in ('create', 'change', 'unchanged', 'duplicate', 'foreign', 'skipped', 'error')),
    decision        text   check (decision in ('leave_out', 'same', 'other')),
    organisation_id uuid,
    base_version    bigint,
    document        text,
    employees       integer,
    turnover_cents  bigint,
    balance_cents   bigint,
    email           text,
    findings        text,
    further         text,
    name_hash       integer,
    changes         text,
    primary key (import_id, row)
);
comment on table import_plan is 'What each row would do: document is the organisation as it would be, against base_version;'
    ' null where a person was taken out of the row, which is planned anew when it is applied.';
comment on column import_plan.changes is 'Of what is known: hashes of what the row changes, old and new values, against which is'
    ' held what it would change when it is applied.';
comment on column import_plan.name_hash is 'Of who is new: by it is asked once more, when the row is written, who is called so.';
comment on column import_plan.further is 'As JSON what does not stand in the document: dated figures, a contact person, a note, by'
    ' what the row is known the next time.';
create index import_plan_outcome on import_plan (import_id, outcome, row);

create table import_result (
    import_id       uuid   not null,
    row             int    not null,
    state           text   not null,
    result          text   not null check (result in ('created', 'changed', 'unchanged', 'failed')),
    organisation_id uuid,
    version         bigint,
    old_version     bigint,
    employees       integer,
    turnover_cents  bigint,
    balance_cents   bigint,
    old_email       text,
    new_email       text,
    findings        text,
    reverted        text   check (reverted in ('withdrawn', 'deactivated', 'restored', 'left')),
    reason          text,
    person          uuid,
    note            uuid,
    primary key (import_id, row)
);
comment on table import_result is 'What each row did, and the version and figures from before, to which a revert goes back.';
create index import_result_result on import_result (import_id, result, row);

-- The worker looks for work as the service itself, and does it as whoever asked for it; who asks for erasure is taken out
-- of all of it by the service, too.
alter table import_source enable row level security;
create policy own on import_source using (state = (select office_state()) or (select is_system()));
alter table import enable row level security;
create policy own on import using (state = (select office_state()) or (select is_system()));
alter table import_row enable row level security;
create policy own on import_row using (state = (select office_state()) or (select is_system()));
alter table import_plan enable row level security;
create policy own on import_plan using (state = (select office_state()) or (select is_system()));
alter table import_known enable row level security;
create policy own on import_known using (state = (select office_state()));
alter table import_result enable row level security;
create policy own on import_result using (state = (select office_state()) or (select is_system()));

-- A revert takes back what was entered by mistake, unless somebody refers to it.
create policy withdraw on organisation for delete using (responsible_state = (select office_state()));

-- Whether anybody refers to an organisation, in whatever the caller may not see either: the function asks as its owner.
-- What an import itself said of it does not count: 0017_profile.sql.
create function is_referred_to(organisation uuid, but_by uuid) returns boolean
    stable security definer set search_path from current language sql
    return exists (select from note where organisation_id = organisation)
        or exists (select from contact_person where organisation_id = organisation)
        or exists (select from participation where organisation_id = organisation)
        or exists (select from release where organisation_id = organisation)
        or exists (select from directory
                    where cluster_code is not null and organisation_id = organisation
                      and exists (select from directory member where member.clusters @> array[directory.cluster_code]));
comment on function is_referred_to is 'Notes and contact persons of any office, registrations for events, a release for the public, members of a cluster.';
