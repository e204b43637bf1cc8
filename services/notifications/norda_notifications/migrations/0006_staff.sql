-- Staff of an office, told of what they asked for themselves (saved searches): in an inbox of their own.

alter table recipient add column subject text;
alter table recipient drop constraint recipient_kind_check;
alter table recipient add constraint recipient_kind_check check (kind in ('person', 'office', 'staff'));
alter table recipient drop constraint recipient_office_is_described;
alter table recipient add constraint recipient_office_is_described check (
    kind <> 'office' or (state is not null and name is not null and language is not null));
alter table recipient drop constraint recipient_person_is_an_address;
alter table recipient add constraint recipient_person_is_an_address check (
    kind <> 'person' or (address_key is not null and num_nonnulls(state, name, address, language) = 0));
alter table recipient add constraint recipient_staff_is_a_subject check (
    (kind = 'staff') = (subject is not null)
    and (kind <> 'staff' or (state is not null and num_nonnulls(address_key, name, address, language) = 0)));
comment on column recipient.subject is 'Of staff: the pseudonymous subject of their sign-in. Nothing else is known of them.';
create unique index recipient_staff on recipient (state, subject) where kind = 'staff';

create policy read_myself on recipient for select
    using (kind = 'staff' and subject = caller_subject() and state = (select staff_state()));

-- What a person asked for is theirs alone, also within the office. Of recipients the caller sees offices and themselves.
alter policy read_own_inbox on delivery
    using (channel = 'inbox' and state = (select staff_state())
           and recipient_id in (select id from recipient where kind in ('office', 'staff')));
alter policy mark_own_inbox on delivery
    using (channel = 'inbox' and state = (select staff_state())
           and recipient_id in (select id from recipient where kind in ('office', 'staff')));
alter policy read on notice
    using ((select may_read())
           and (kind <> 'search_matched' or exists (select from delivery where notice_id = notice.id)));

-- A search's matches are titled by its name; what is indexed already keeps its title.
create or replace function title_of(content jsonb) returns text immutable language sql
    return coalesce(content -> 'event' ->> 'title', content -> 'organisation' ->> 'legal_name',
                    content -> 'search' ->> 'name', '');

-- What others of the office asked for themselves is left out before it is counted.
create or replace function inbox_about(words text, at_most int) returns setof uuid
    stable security definer set search_path = notifications, pg_temp language sql
begin atomic
    select found.id
    from (select d.id
          from notices_about(words, 1000) as n(id)
          cross join lateral (select d.id from delivery as d join recipient as r on r.id = d.recipient_id
                              where d.notice_id = n.id and d.channel = 'inbox' and d.state = (select staff_state())
                                and (r.kind = 'office' or r.kind = 'staff' and r.subject = caller_subject())
                              offset 0) as d) as found
    order by found.id desc
    limit at_most;
end;
