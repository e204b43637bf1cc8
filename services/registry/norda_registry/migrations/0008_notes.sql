-- An office's notes on an organisation of any state. They stay with the office that wrote them when it moves.

create table note (
    id              uuid        primary key,
    organisation_id uuid        not null,
    state           text        not null check (state ~ '^[a-z]{2}$'),
    kind            text        not null check (kind in ('note', 'visit', 'settlement_case')),
    visibility      text        not null check (visibility in ('alliance', 'office', 'confidential')),
    text            text        not null check (length(text) between 1 and 20000),
    author          text        not null,
    created_at      timestamptz not null,
    changed_at      timestamptz not null,
    version         bigint      not null check (version > 0),
    check (kind <> 'settlement_case' or visibility = 'confidential')
);
comment on table note is 'Notes of offices; never published. The organisation may be kept by another instance.';
create index note_organisation on note (organisation_id, id);

create function shows_note(state text, visibility text, author text) returns boolean stable language sql
    return case visibility
        when 'alliance' then staff_state() is not null
        when 'office' then state = staff_state()
        when 'confidential' then state = staff_state() and (has_role('lead') or author = caller_subject())
    end;
comment on function shows_note is 'The same as reads_note in rules/rights.py.';

alter table note enable row level security;
create policy read on note for select using (shows_note(state, visibility, author));
create policy add on note for insert
    with check (state = (select office_state()) and author = (select caller_subject()));
create policy change on note for update using (state = (select office_state()) and shows_note(state, visibility, author));
create policy remove on note for delete using (state = (select office_state()) and shows_note(state, visibility, author));
