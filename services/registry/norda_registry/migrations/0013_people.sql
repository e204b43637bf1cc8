-- People: contact persons of organisations, and what persons ask for under the GDPR
-- (docs/decisions/0091-requests-of-persons.md). Who may see what is said in rules/rights.py, and here once more.

create table contact_person (
    id               uuid        primary key,
    organisation_id  uuid        not null,
    state            text        not null check (state ~ '^[a-z]{2}$'),
    person_id        uuid        not null,
    name             text        not null check (length(name) between 1 and 200),
    email            text        check (length(email) <= 320),
    email_key        text        check (length(email_key) <= 320),
    phone            text        check (length(phone) <= 50),
    phone_key        text        check (length(phone_key) <= 50),
    name_key         text        not null check (length(name_key) <= 200),
    language         text        not null check (language in ('de', 'en')),
    roles            text[]      not null,
    source           text        not null check (length(source) between 1 and 300),
    purposes         text[]      not null check (cardinality(purposes) > 0),
    legal_basis      text        not null,
    consent_given_on date,
    consent_wording  text        check (length(consent_wording) <= 300),
    retain_until     date        not null,
    restricted_at    timestamptz,
    objected_at      timestamptz,
    search_text      text        not null,
    created_at       timestamptz not null,
    created_by       text        not null,
    changed_at       timestamptz not null,
    version          bigint      not null check (version > 0),
    constraint contact_person_reachable check (num_nonnulls(email, phone) > 0),
    check (num_nulls(email, email_key) in (0, 2)),
    check (phone_key is null or phone is not null),
    check (num_nulls(consent_given_on, consent_wording) in (0, 2)),
    constraint contact_person_once unique (state, organisation_id, email_key)
);
comment on table contact_person is 'Contact persons (Ansprechpersonen), each for the office that entered it; the table contact'
    ' has organisations'' general addresses. The organisation may have moved to another instance.';
comment on column contact_person.person_id is 'Pseudonym: one address under one name within a state has one, one person may'
    ' have several addresses. All that leaves this table.';
comment on column contact_person.name_key is 'The folded name: it tells persons apart who share an address or a phone number;'
    ' rules/people.py makes it.';
comment on column contact_person.phone_key is 'The digits of the phone number in its international form; rules/people.py makes it.';
comment on column contact_person.retain_until is 'The last day it is kept; the deletion run takes it the day after.';
create index contact_person_organisation on contact_person (organisation_id, state);
create index contact_person_email_key on contact_person (email_key, name_key) where email_key is not null;
create index contact_person_person on contact_person (person_id);
create index contact_person_phone_key on contact_person (state, phone_key) where phone_key is not null;
create index contact_person_name on contact_person (state, (lower(name) collate "de-x-icu"), id);
create index contact_person_words on contact_person
    using gin (array_to_tsvector(string_to_array(ltrim(search_text), ' ')));
create index contact_person_retain_until on contact_person (retain_until);

alter table contact_person enable row level security;
create policy system on contact_person using ((select is_system()));
create policy read_own on contact_person for select using (state = (select office_state()));
-- A new one belongs to the responsible office; it stays with it when the organisation moves, as notes do.
create policy enter on contact_person for insert
    with check (state = (select office_state())
                and (select responsible_state from organisation where id = organisation_id) = (select office_state()));
create policy change_own on contact_person for update using (state = (select office_state()));
create policy remove_own on contact_person for delete using (state = (select office_state()));

-- An organisation's general address may be a person's, who may ask for it to be shown and erased.
create index contact_email on contact (lower(email));
-- An address that gave way when two records became one, as long as that can be undone (0016_duplicates.sql).
create table contact_replaced (
    merger_id       uuid primary key,
    organisation_id uuid not null,
    email           text not null
);
comment on table contact_replaced is 'Contact addresses from before a merger, for its undoing; forgotten when that can be no more.';
create index contact_replaced_organisation on contact_replaced (organisation_id);
create index contact_replaced_email on contact_replaced (lower(email));
alter table contact_replaced enable row level security;
create policy write on contact_replaced
    using ((select responsible_state from organisation where id = organisation_id) = (select office_state()));

create function organisations_at(of_state text, addresses text[]) returns table (organisation_id uuid, written text)
    stable security definer set search_path from current language sql
begin atomic
    select c.organisation_id, c.written
      from (select organisation_id, lower(email) as written from contact where lower(email) = any(addresses)
             union
            select organisation_id, lower(email) from contact_replaced where lower(email) = any(addresses)) as c
      join organisation as o on o.id = c.organisation_id
     where o.responsible_state = of_state and is_system()
     order by c.organisation_id, c.written;
end;
create function erase_addresses(of_organisations uuid[], addresses text[]) returns bigint
    volatile security definer set search_path from current language sql
begin atomic
    with erased as (
        delete from contact
         where organisation_id = any(of_organisations) and lower(email) = any(addresses) and is_system()
        returning organisation_id
    ), replaced as (
        delete from contact_replaced
         where organisation_id = any(of_organisations) and lower(email) = any(addresses) and is_system()
        returning organisation_id
    )
    select count(*) from (select organisation_id from erased union select organisation_id from replaced) as gone;
end;
comment on function erase_addresses is 'For requests of persons: the service itself has no other way to general addresses.';

-- Behind a policy no index is asked for words, hence the own office's as a view, which asks once; as directory_search.
create view person_kept as
select contact_person.* from contact_person, (select office_state() as asks) as somebody where state = somebody.asks;
comment on view person_kept is 'The contact persons of the caller''s office, as the search reads them.';

-- Public relations invite: names and addresses of those who agreed to that, and nothing else of anybody. Policies hide
-- rows and not columns, hence a view; two things stand in its FROM, so that nobody writes through it.
create view person_to_invite as
select id, organisation_id, state, person_id, name, email, language, roles, search_text
  from contact_person, (select staff_state() as asks) as somebody
 where state = somebody.asks and email is not null and 'invitations' = any(purposes) and consent_given_on is not null
   and objected_at is null and restricted_at is null
   and retain_until >= (now() at time zone 'Europe/Berlin')::date;
comment on view person_to_invite is 'Who agreed to be invited, for the own state''s staff.';

-- Objections and proofs know an address again without keeping it: a keyed hash, whose key no service's query can read.
create table privacy_key (
    only_row boolean primary key default true check (only_row),
    key      bytea   not null check (length(key) = 32)
);
insert into privacy_key (key)
select sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'));
alter table privacy_key enable row level security;
create function keyed_hash(address text) returns bytea stable security definer set search_path from current language sql
    return (select sha256(key || sha256(key || convert_to(address, 'UTF8'))) from privacy_key
             where is_system() or office_state() is not null);
comment on function keyed_hash is 'Of what a person is known by: an address'' key, a number''s; for offices and the service.';

create table objection (
    known_by    bytea       primary key check (length(known_by) = 32),
    objected_at timestamptz not null
);
comment on table objection is 'Objections (Art. 21 GDPR) of contact persons, so that they hold for who is entered again.';
comment on column objection.known_by is 'Keyed hash of an address, or of a name with a phone number or an address that others have, too.';
alter table objection enable row level security;
create policy system on objection using ((select is_system()));
-- The hash once more: of the thousands that a list names it is a call each, and the key is read once.
create function objections(of_keys text[]) returns table (known_by text, objected_at timestamptz)
    stable security definer set search_path from current language sql
begin atomic
    select asked.known_by, o.objected_at
      from privacy_key as p
     cross join unnest(of_keys) as asked(known_by)
      join objection as o
        on o.known_by = sha256(p.key || sha256(p.key || convert_to(asked.known_by, 'UTF8')))
     where is_system() or office_state() is not null;
end;
comment on function objections is 'Of these keys those whose persons objected, to whichever state: it holds for all.';

create table privacy_request (
    id             uuid        primary key,
    state          text        not null check (state ~ '^[a-z]{2}$'),
    kind           text        not null,
    emails         text[],
    addresses      int         not null check (addresses >= 0),
    person_id      uuid,
    known_by       bytea[]     not null check (array_position(known_by, null) is null),
    asked_at       timestamptz not null,
    asked_by       text        not null,
    completed_at   timestamptz,
    records_until  timestamptz,
    erased_at      timestamptz,
    constraint privacy_request_names_somebody check (person_id is not null or addresses > 0),
    constraint privacy_request_forgets check ((emails is null) = (completed_at is not null))
);
comment on table privacy_request is 'What persons asked the office of `state` for. Addresses stay until all have answered.';
comment on column privacy_request.addresses is 'By so many addresses the person was looked for: part of the proof.';
comment on column privacy_request.person_id is 'By which pseudonym of contact persons, where the office has one for them.';
comment on column privacy_request.known_by is 'Keyed hashes of addresses and phone numbers, named or in the records, by which the proof is found.';
comment on column privacy_request.records_until is 'Until when an access report can be read.';
comment on column privacy_request.erased_at is 'Since when an erasure has taken the report, of which nothing is kept then.';
create index privacy_request_running on privacy_request (state, id) where completed_at is null;
create index privacy_request_state on privacy_request (state, id);

alter table privacy_request enable row level security;
create policy system on privacy_request using ((select is_system()));
create policy read_own on privacy_request for select using (state = (select office_state()));
create policy ask on privacy_request for insert
    with check (state = (select office_state()) and asked_by = (select caller_subject()));

create table privacy_answer (
    request_id  uuid        not null references privacy_request on delete cascade,
    service     text        not null,
    state       text        not null,
    found       int         not null check (found >= 0),
    changed     int         not null check (changed >= 0),
    answered_at timestamptz not null,
    records     jsonb,
    primary key (request_id, service, state)
);
comment on table privacy_answer is 'Which service did what for which state: the proof. Records only of access reports, for a while.';
alter table privacy_answer enable row level security;
create policy system on privacy_answer using ((select is_system()));
-- The inner select is bound by the request's own policy.
create policy read_own on privacy_answer for select
    using ((select true from privacy_request as r where r.id = request_id));
