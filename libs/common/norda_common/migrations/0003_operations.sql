-- What operators need of dead letters: how often a replay was tried, quick order per key, and an end for closed ones.

alter table dead_letter
    add column tries    int not null default 0,
    add column tried_at timestamptz,
    add column tried_by text;
comment on column dead_letter.tries is 'Replays that failed; reason and detail are the last one''s.';

-- Hashed, because a broken record's key can be longer than an index entry may be.
create index dead_letter_key on dead_letter (md5(key), "offset") where status = 'open';
create index dead_letter_closed on dead_letter (closed_at) where status <> 'open';
