-- What the pages ask for: where organisations are, how many of each sort, and which changed last.

-- A district is the first five digits of the seat's municipality key. Generated, so that whoever writes the row need not
-- know of it, and a column rather than an index's expression, so that an update which leaves it alone touches no index.
alter table directory add column district text generated always as (left(data #>> '{seat,ags}', 5)) stored;
comment on column directory.district is 'District (Kreis) of the seat by AGS; null where the key is not known.';
-- The overview and the map count from this index alone; lists of one district begin in it.
create index directory_counts on directory (district, responsible_state, kind, status);
create index directory_changed on directory (changed_at, organisation_id);

create or replace view directory_shown as
select organisation_id, sequence, responsible_state, kind, status, sort_name, search_text, competences, clusters, data,
       changed_at, district
  from directory, (select is_somebody() as asks) as somebody
 where somebody.asks;
create or replace view directory_released as
select organisation_id, sequence, responsible_state, kind, status, sort_name, search_text, competences, clusters, data,
       changed_at, district
  from directory join release using (organisation_id)
 where status = 'active';

-- The trace of the request that made a version, so that operators find what followed from it.
alter table organisation_version add column trace_id text;
comment on column organisation_version.trace_id is 'Trace of the change, where one was running.';
