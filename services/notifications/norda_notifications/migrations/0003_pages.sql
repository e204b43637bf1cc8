-- What the pages list and search.

-- A state's subscriptions by the day they were entered, by address as German sorts it, by topic.
create index subscription_entered on subscription (state, id) where ended_at is null;
create index subscription_ended on subscription (state, id) where ended_at is not null;
create index subscription_address on subscription (state, address collate "de-x-icu", id) where ended_at is null;
create index subscription_by_topic on subscription (state, topic_kind, topic_value, id) where ended_at is null;

create index delivery_unread on delivery (recipient_id, id) include (state) where channel = 'inbox' and read_at is null;

create index notice_kind on notice (kind, id);
create index notice_state on notice (state, id);

create function title_of(content jsonb) returns text immutable language sql
    return coalesce(content -> 'event' ->> 'title', content -> 'organisation' ->> 'legal_name', '');
create index notice_title on notice using gin (to_tsvector('simple', title_of(content)));

-- Text search is no leak-proof operator: below a policy its index would not be used.
create function notices_about(words text, at_most int) returns setof uuid
    stable security definer language sql set search_path = notifications, pg_temp as $$
    select id from notice
    where to_tsvector('simple', title_of(content)) @@ to_tsquery('simple', words) and (select may_read())
    order by id desc limit at_most
$$;
comment on function notices_about is 'The newest notices whose title has words that begin so: `forum:* & nord:*`.';
