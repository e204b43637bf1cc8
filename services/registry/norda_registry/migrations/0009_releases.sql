-- Which own organisations are shown to everybody, also without signing in: those that an office has released.

create table release (
    organisation_id uuid        primary key references organisation on delete cascade,
    state           text        not null check (state ~ '^[a-z]{2}$'),
    released_at     timestamptz not null,
    released_by     text        not null
);
comment on table release is 'Released for the public, by whom; ended by deleting. Of an organisation that has moved, too.';

alter table release enable row level security;
create policy read on release for select using ((select is_somebody()));
create policy release on release for insert
    with check (state = (select staff_state())
                and (select responsible_state from organisation where id = organisation_id) = (select staff_state()));
create policy withdraw on release for delete
    using ((select responsible_state from organisation where id = organisation_id) = (select staff_state()));

-- Nobody sees who released what: the function asks as its owner, whom no policy binds.
create function is_released(organisation uuid) returns boolean stable security definer set search_path from current
    language sql return exists (select from release where organisation_id = organisation);
alter policy read on directory using ((select is_somebody()) or (status = 'active' and is_released(organisation_id)));

create view directory_released as
select organisation_id, sequence, responsible_state, kind, status, sort_name, search_text, competences, clusters, data
  from directory join release using (organisation_id)
 where status = 'active';
comment on view directory_released is 'The directory for everybody: what is released and active.';
