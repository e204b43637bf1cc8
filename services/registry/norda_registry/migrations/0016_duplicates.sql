-- Who may be the same company as whom, what people decided about it, and mergers with all that takes them back.

-- What of each organisation says who is meant, as rules/duplicates.py takes it apart. A table of its own: most changes of
-- an organisation touch none of it, and an update of the directory's row would enter some ten keys anew each time.
create table likeness (
    organisation_id   uuid        primary key,
    responsible_state text        not null,
    status            text        not null,
    name_hash         integer     not null,
    keys              integer[]   not null,
    facts             text        not null,
    due_at            timestamptz
);
comment on table likeness is 'Of the directory''s organisations what is compared; facts is a Candidate as JSON, due_at since when its suspects are to be looked for.';
comment on column likeness.keys is 'Hashes of which two that mean the same company share at least one.';
create index likeness_name on likeness (name_hash);
-- A short pending list: whoever looks for suspects reads it from end to end.
create index likeness_keys on likeness using gin (keys) with (gin_pending_list_limit = 256);
create index likeness_due on likeness (due_at) where due_at is not null;

-- Taking names apart costs as much as all else about an organisation together: the consumer of the directory notes whom it
-- wrote, and a worker does the rest a moment later.
create table likeness_mark (
    organisation_id uuid        primary key,
    marked_at       timestamptz not null
);
comment on table likeness_mark is 'Organisations whose row in the directory has been written since they were taken apart.';
create index likeness_mark_order on likeness_mark (marked_at, organisation_id);
insert into likeness_mark (organisation_id, marked_at) select organisation_id, now() from directory;

create table suspect (
    first_id     uuid        not null,
    second_id    uuid        not null,
    first_state  text        not null,
    second_state text        not null,
    score        real        not null check (score between 0 and 1),
    rule         text        not null check (rule in ('narrow', 'broad', 'general')),
    reasons      jsonb       not null,
    found_at     timestamptz not null,
    primary key (first_id, second_id),
    check (first_id < second_id)
);
comment on table suspect is 'Pairs of active organisations that may be one; the worker writes it anew when one of them changes.';
create index suspect_second on suspect (second_id);
create index suspect_score on suspect ((-score), first_id, second_id);
-- For the overview, which counts each office's likely ones.
create index suspect_likely on suspect (first_state) where rule <> 'general';
create index suspect_likely_second on suspect (second_state) where rule <> 'general';

-- Not a foreign key: what somebody decided outlives a change that makes the pair unsuspicious for a while.
create table distinct_pair (
    first_id   uuid        not null,
    second_id  uuid        not null,
    state      text        not null check (state ~ '^[a-z]{2}$'),
    reason     text        not null check (length(reason) between 1 and 2000),
    decided_by text        not null,
    decided_at timestamptz not null,
    primary key (first_id, second_id),
    check (first_id < second_id)
);
comment on table distinct_pair is 'Pairs of which an office said that they are two companies: who, when and why.';

-- No foreign keys: that it was done, by whom and when, outlives a move of the kept one to another instance.
create table merger (
    id               uuid        primary key,
    merged_id        uuid        not null,
    kept_id          uuid        not null,
    merged_state     text        not null check (merged_state ~ '^[a-z]{2}$'),
    kept_state       text        not null check (kept_state ~ '^[a-z]{2}$'),
    kind             text        not null check (kind in ('merger', 'duplicate')),
    merged_on        date        not null,
    taken            text[]      not null,
    proposed_at      timestamptz not null,
    proposed_by      text        not null,
    merged_at        timestamptz,
    merged_by        text,
    merged_version   bigint,
    kept_version     bigint,
    undone_at        timestamptz,
    undone_by        text,
    check (num_nulls(merged_at, merged_by, merged_version, kept_version) in (0, 4)),
    check (undone_at is null or merged_at is not null)
);
comment on table merger is 'Mergers: proposed (not merged_at), done, taken back. The versions are those the merger made.';
create unique index merger_open on merger (merged_id) where undone_at is null;
create index merger_merged on merger (merged_id, proposed_at desc);
create index merger_kept on merger (kept_id, merged_at desc);

alter table likeness enable row level security;
create policy read on likeness for select using ((select is_somebody()));
create policy follow on likeness using ((select is_system()));
alter table likeness_mark enable row level security;
create policy follow on likeness_mark using ((select is_system()));

-- Each office sees the pairs that have one of its own.
alter table suspect enable row level security;
create policy read on suspect for select
    using (first_state = (select office_state()) or second_state = (select office_state()));
create policy follow on suspect using ((select is_system()));

create function is_mine(organisation uuid) returns boolean stable language sql
    return coalesce((select responsible_state from organisation as o where o.id = organisation),
                    (select responsible_state from directory as d where d.organisation_id = organisation))
           = office_state();
comment on function is_mine is 'Whether the caller''s office is responsible for the organisation.';

alter table distinct_pair enable row level security;
create policy read on distinct_pair for select using ((select is_somebody()));
create policy decide on distinct_pair for insert
    with check (state = (select office_state()) and (is_mine(first_id) or is_mine(second_id)));
create policy reopen on distinct_pair for delete using (is_mine(first_id) or is_mine(second_id));

alter table merger enable row level security;
create policy read on merger for select using ((select is_somebody()));
create policy propose on merger for insert with check (kept_state = (select office_state()) and is_mine(kept_id));
-- Either office: those that proposed and were asked, and those that are responsible since a seat moved.
create policy settle on merger for update
    using ((select office_state()) in (kept_state, merged_state) or is_mine(kept_id) or is_mine(merged_id));
create policy withdraw on merger for delete
    using (merged_at is null and ((select office_state()) in (kept_state, merged_state) or is_mine(merged_id)
                                  or (select is_system())));

-- For the deletion run, which has no other way to addresses: those from before a merger go when it cannot be undone any
-- more, or has been.
create function forget_replaced_addresses(of_state text, merged_before timestamptz) returns bigint
    volatile security definer set search_path from current language sql
begin atomic
    with forgotten as (
        delete from contact_replaced as r using organisation as o
         where o.id = r.organisation_id and o.responsible_state = of_state and is_system()
           and not exists (select from merger
                            where merger.id = r.merger_id and undone_at is null and merged_at >= merged_before)
        returning r.merger_id
    )
    select count(*) from forgotten;
end;

-- As for directory_shown: behind a policy no index would be asked for keys that overlap.
create view likeness_shown as
select organisation_id, responsible_state, status, name_hash, keys, facts
  from likeness, (select is_somebody() as asks) as somebody
 where somebody.asks;
comment on view likeness_shown is 'What is compared, for whoever has signed in.';

-- As with common words: the planner's statistics, which nobody but the owner may read, tell keys that very many share.
create function common_keys(wanted integer[], least_rows integer) returns integer[]
    stable security definer set search_path from current language sql as $$
    select coalesce(array_agg(key order by share, key), '{}')
      from pg_catalog.pg_stats as known
      join pg_catalog.pg_class as counted on counted.oid = 'likeness'::regclass,
           unnest(most_common_elems::text::integer[],
                  most_common_elem_freqs[1:array_length(most_common_elems::text::integer[], 1)]) as common(key, share)
     where known.schemaname = current_schema() and known.tablename = 'likeness' and known.attname = 'keys'
       and (select is_somebody()) and share * counted.reltuples >= least_rows and key = any(wanted)
$$;
comment on function common_keys is 'Which of these keys about so many organisations have, the rarest first.';

-- Whom an organisation has become part of, after however many mergers; itself where it has not. A circle, which two
-- topics read at different speeds can show for a moment, ends where it began.
create function successor_of(organisation uuid) returns uuid stable language plpgsql as $$
declare
    here uuid := organisation;
    further uuid;
begin
    for hop in 1..50 loop
        further := coalesce((select o.data ->> 'merged_into' from organisation as o where o.id = here),
                            (select d.data ->> 'merged_into' from directory as d
                              where d.organisation_id = here
                                and not exists (select from organisation as o where o.id = here)))::uuid;
        exit when further is null or further = organisation;
        here := further;
    end loop;
    return here;
end $$;

-- For everybody: only where what was released has become part of what is released.
create function released_successor(organisation uuid) returns uuid stable security definer set search_path from current
    language sql return (
        select d.organisation_id from directory as d join release as r using (organisation_id)
         where d.organisation_id = successor_of(organisation) and d.organisation_id <> organisation
           and d.status = 'active' and exists (select from release as former where former.organisation_id = organisation));
comment on function released_successor is 'Where the public profile of a merged organisation has gone.';
