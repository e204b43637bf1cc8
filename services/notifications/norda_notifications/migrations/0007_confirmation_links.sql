-- Links that open something without a sign-in: beside the delivery, for the service alone, and gone when it is settled. A
-- notice's content is read by offices and operators, so a link does not stand there.

create table delivery_link (
    delivery_id uuid primary key references delivery on delete cascade,
    link        text not null check (length(link) between 1 and 2000)
);
comment on table delivery_link is 'The link a mail hands to its recipient; deleted when the mail is settled.';
alter table delivery_link enable row level security;
create policy system on delivery_link using ((select is_system()));

create function forget_link() returns trigger language plpgsql as $$
begin
    delete from delivery_link where delivery_id = new.id;
    return null;
end $$;
create trigger settled after update of status on delivery
    for each row when (new.status <> 'due') execute function forget_link();

-- Of what was there before nothing is called otherwise, so the index over it holds.
create or replace function title_of(content jsonb) returns text immutable language sql
    return coalesce(content -> 'event' ->> 'title', content -> 'organisation' ->> 'legal_name',
                    content -> 'confirmation' ->> 'legal_name', '');
