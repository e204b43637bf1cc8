-- Organisations become part of others. Whose a registration is follows from what its organisation was when it was made,
-- and from whom that has become part of since: so the topic's records may come in any order.

alter table organisation add column merged_into uuid;
comment on column organisation.merged_into is 'Who it has become part of (Verschmelzung).';
create index organisation_merged_into on organisation (merged_into) where merged_into is not null;

alter table registration add column merged_from uuid;
comment on column registration.merged_from is 'The organisation it was made for, where that has become part of organisation_id.';
create index registration_merged_from on registration (merged_from) where merged_from is not null;

-- Itself where it has become part of nobody. A circle, which topics read at different speeds can show for a moment, ends
-- where it began. Past the policies: everybody may know whom a host has become part of.
create function successor_of(organisation uuid) returns uuid stable security definer set search_path from current
language plpgsql as $$
declare
    here uuid := organisation;
    further uuid;
begin
    for hop in 1..50 loop
        select o.merged_into into further from organisation as o where o.id = here;
        exit when further is null or further = organisation;
        here := further;
    end loop;
    return here;
end $$;
comment on function successor_of is 'Whom an organisation has become part of, after however many mergers.';

create function predecessors_of(organisations uuid[]) returns setof uuid stable language sql
begin atomic
    with recursive part(id) as (
        select unnest(organisations)
        union
        select o.id from organisation as o join part on o.merged_into = part.id)
    select id from part;
end;
comment on function predecessors_of is 'These organisations and all that have become part of them.';

-- Somebody registers for an organisation while it is merged: whoever comes second waits for the first. A policy hides from
-- offices what they might lock.
create function hold_organisation(organisation uuid) returns uuid volatile security definer set search_path from current
language plpgsql as $$
declare
    here uuid := organisation;
    further uuid;
begin
    for hop in 1..50 loop
        perform from organisation as o where o.id = here for share;
        -- A statement of its own sees what was committed while the lock was awaited.
        select o.merged_into into further from organisation as o where o.id = here;
        exit when further is null or further = organisation;
        here := further;
    end loop;
    return here;
end $$;
comment on function hold_organisation is 'As successor_of; all on the way stay as they are until the transaction ends.';
