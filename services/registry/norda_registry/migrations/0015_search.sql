-- Search with facets, typing errors, saved searches (docs/decisions/0093-facets-in-memory.md).

-- A short number for each row, for sets of rows in memory; and which transaction wrote the row, so that whoever keeps
-- such sets reads what is new, also of transactions that committed late.
create sequence directory_slot as integer;
alter table directory
    add column slot integer not null default nextval('directory_slot'),
    add column facets text[] not null default '{}',
    add column facets_edition smallint not null default 0,
    add column facets_of bigint not null default 0,
    add column name_end integer not null default 0,
    add column former_end integer not null default 0,
    add column touched xid8 not null default pg_current_xact_id();
comment on column directory.slot is 'The row''s number in sets of rows; it stays with the organisation.';
comment on column directory.facets is 'Terms of rules/facets.py, of the version `facets_of` and in the edition `facets_edition`.';
comment on column directory.name_end is 'So many characters of search_text are of the present name; up to former_end, of former ones.';
comment on column directory.touched is 'The transaction that wrote the row last.';
alter sequence directory_slot owned by directory.slot;
create unique index directory_by_slot on directory (slot);
create index directory_touched on directory (touched);
-- Rows that an instance of the release before has written, or in another edition than facets.EDITION; a worker reads them
-- anew.
create index directory_unread on directory (organisation_id) where facets_of <> sequence or facets_edition <> 1;

alter table directory_erasure add column slot integer, add column touched xid8 not null default pg_current_xact_id();
create index directory_erasure_touched on directory_erasure (touched) where slot is not null;

-- Facets are counted and narrowed by sets in memory; lists of few rows read them by their slots. (Members of a cluster are
-- still found by theirs.)
drop index directory_competences;

-- The view of the list, as 0007 has it: it asks once, in a way that leaves the indexes to use.
create view directory_search as
select organisation_id, slot, sequence, sort_name, search_text, name_end, former_end, facets, data, changed_at, touched
  from directory, (select is_somebody() as asks) as somebody
 where somebody.asks;
comment on view directory_search is 'The directory as the search reads it, for whoever has signed in.';

create view directory_search_released as
select organisation_id, slot, sequence, sort_name, search_text, name_end, former_end, facets, data, changed_at, touched
  from directory join (select organisation_id from release where is_released(organisation_id)) as shown
       using (organisation_id)
 where status = 'active';
comment on view directory_search_released is 'The same of what is released and active; to find it, directory_released has what may be shown.';

-- Words of present and former names by themselves: a word that is most rows' place is in few names.
create index directory_name_words on directory
    using gin (array_to_tsvector(string_to_array(ltrim(left(search_text, former_end)), ' ')));

-- Words of many rows: the planner's own statistics of the index of words, which nobody but its owner may read.
create function directory_common_words() returns table (word text, share real, of_names boolean)
    stable security definer set search_path from current language sql as $$
    select word, frequency, tablename = 'directory_name_words'
      from pg_catalog.pg_stats,
           unnest(most_common_elems::text::text[],
                  most_common_elem_freqs[1:array_length(most_common_elems::text::text[], 1)]) as common(word, frequency)
     where schemaname = current_schema() and tablename in ('directory_words', 'directory_name_words')
$$;
comment on function directory_common_words is 'Words in which share of the directory''s rows, or of their names, they are.';

create table directory_word (
    word  text collate "C" primary key check (length(word) <= 40),
    shown boolean not null default false
);
comment on table directory_word is 'Words that occur or occurred in names and places: what a mistyped word may have meant.';
comment on column directory_word.shown is 'Whether everybody could see it: in what is, or was, released for the public.';
create index directory_word_similar on directory_word using gin (word public.gin_trgm_ops);
alter table directory_word enable row level security;
create policy read on directory_word for select using ((select is_somebody()));
create policy follow on directory_word using ((select is_system()));
-- As with the index of words: behind a policy the index of trigrams would not be used. `everybody`: words that were shown.
create function similar_words(typed text, at_most int, everybody boolean) returns setof text
    stable security definer set search_path from current set pg_trgm.similarity_threshold = 0.3 language sql as $$
    select word from directory_word
     where case when everybody then shown else (select is_somebody()) end and word operator(public.%) typed
     order by public.similarity(word, typed) desc, length(word), word limit at_most
$$;
comment on function similar_words is 'Words that look like what was typed, the likest first.';
create function partly_similar_words(typed text, at_most int, everybody boolean) returns setof text
    stable security definer set search_path from current set pg_trgm.word_similarity_threshold = 0.4 language sql as $$
    select word from directory_word
     where case when everybody then shown else (select is_somebody()) end and word operator(public.%>) typed
     order by public.word_similarity(typed, word) desc, length(word), word limit at_most
$$;
comment on function partly_similar_words is 'Words of which a part looks like what was typed: their beginning, perhaps.';
-- Folded words are of a to z and 0 to 9, after which comes the brace.
create function begins_a_word(beginnings text[], everybody boolean) returns setof text
    stable security definer set search_path from current language sql as $$
    select beginning from unnest(beginnings) as beginning
     where exists (select from directory_word
                    where word >= beginning and word < beginning || '{'
                      and case when everybody then shown else (select is_somebody()) end)
$$;
comment on function begins_a_word is 'Those of the beginnings that some word has.';

-- Saved searches: somebody's own, or their office's. Whoever watches one is told of what newly matches.
create table saved_search (
    id         uuid        primary key,
    state      text        not null check (state ~ '^[a-z]{2}$'),
    owner      text        not null,
    name       text        not null check (length(name) between 1 and 200),
    query      jsonb       not null,
    shared     boolean     not null,
    created_at timestamptz not null,
    known      bytea
);
comment on table saved_search is 'Searches saved under a name; known: slots that matched since somebody watches, a roaring bitmap.';
create unique index saved_search_name on saved_search (state, owner, name);
create index saved_search_shared on saved_search (state, name) where shared;

create table search_watch (
    search_id uuid        not null references saved_search on delete cascade,
    subject   text        not null,
    since     timestamptz not null,
    primary key (search_id, subject)
);
comment on table search_watch is 'Who is told of a saved search''s new matches.';

create table search_match (
    id        uuid        primary key,
    state     text        not null,
    search_id uuid        not null,
    told_at   timestamptz not null
);
comment on table search_match is 'What was said on the private topic, until it is withdrawn from there.';
create index search_match_told_at on search_match (told_at);

create table search_position (
    only_row boolean     primary key default true check (only_row),
    seen     pg_snapshot
);
comment on table search_position is 'Up to where the directory was read for vocabulary and saved searches; null: nothing yet.';
insert into search_position default values;

alter table saved_search enable row level security;
create policy read on saved_search for select
    using (owner = caller_subject() and state = (select staff_state()) or shared and state = (select staff_state())
           or (select is_system()));
create policy save on saved_search for insert
    with check (owner = caller_subject() and state = (select staff_state()));
create policy change on saved_search for update
    using (state = (select staff_state()) and owner = caller_subject() or (select is_system()));
create policy remove on saved_search for delete
    using (state = (select staff_state())
           and (owner = caller_subject() or shared and (select has_role('lead'))));
alter table search_watch enable row level security;
create policy mine on search_watch
    using (subject = caller_subject() and exists (select from saved_search where id = search_id));
create policy follow on search_watch using ((select is_system()));
alter table search_match enable row level security;
create policy follow on search_match using ((select is_system()));
alter table search_position enable row level security;
create policy follow on search_position using ((select is_system()));
