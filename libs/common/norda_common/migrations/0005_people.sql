-- Who is asking, for row-level security; sessions, names and the audit log.

-- Set by the edges for each use of a connection (database.py); without them nobody asks, and policies show nothing.
create function caller_state() returns text stable language sql
    return nullif(current_setting('norda.state', true), '');
create function caller_subject() returns text stable language sql
    return nullif(current_setting('norda.subject', true), '');
create function has_role(variadic roles text[]) returns boolean stable language sql
    return string_to_array(current_setting('norda.roles', true), ',') && roles;
create function is_system() returns boolean stable language sql
    return current_setting('norda.roles', true) = 'system';
comment on function is_system is 'The service itself: consumers, relay, workers, and the sign-in before anybody is known.';

create table session (
    id_hash          bytea       primary key check (length(id_hash) = 32),
    subject          text        not null,
    provider_session text,
    name             text        not null check (length(name) <= 300),
    roles            text[]      not null,
    state            text,
    csrf             text        not null,
    id_token         text        not null,
    flash            jsonb       not null default '[]',
    created_at       timestamptz not null,
    seen_at          timestamptz not null,
    expires_at       timestamptz not null
);
comment on table session is 'People signed in; the cookie holds the secret whose SHA-256 is the key. Ended ones are deleted.';
create index session_provider_session on session (provider_session);
create index session_subject on session (subject);
create index session_expires_at on session (expires_at);

create table sign_in (
    state_hash   bytea       primary key check (length(state_hash) = 32),
    browser_hash bytea       not null check (length(browser_hash) = 32),
    nonce        text        not null,
    verifier     text        not null,
    return_to    text        not null check (length(return_to) <= 2000),
    expires_at   timestamptz not null
);
comment on table sign_in is 'Sign-ins under way: used once, by the browser that began them.';
create index sign_in_expires_at on sign_in (expires_at);

create table person (
    subject text        primary key,
    name    text        not null check (length(name) <= 300),
    seen_at timestamptz not null
);
comment on table person is 'Names of people who signed in, for histories that hold subjects; the one place for staff names.';

create table audit_log (
    id       bigint      generated always as identity primary key,
    at       timestamptz not null default clock_timestamp(),
    subject  text        not null,
    roles    text[]      not null,
    state    text,
    action   text        not null check (action ~ '^[a-z_.]{3,60}$'),
    kind     text        not null,
    item     text        not null,
    before   jsonb,
    after    jsonb,
    trace_id text
);
comment on table audit_log is 'Who did what: what was before and after, of what changed. The service may add and read, no more.';
create index audit_log_item on audit_log (kind, item, id);
create index audit_log_subject on audit_log (subject, id);

alter table session enable row level security;
alter table sign_in enable row level security;
alter table audit_log enable row level security;
alter table dead_letter enable row level security;
create policy own on session using (is_system() or subject = caller_subject());
create policy service on sign_in using (is_system());
create policy read on audit_log for select using (has_role('auditor'));
create policy add on audit_log for insert
    with check (is_system() or subject = caller_subject());
-- Dead letters hold records as they came, of private topics too.
create policy operate on dead_letter using (is_system() or has_role('operator'));
