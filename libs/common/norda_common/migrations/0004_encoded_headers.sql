-- Headers as they stand in a Kafka record: the relay sends them as they are. What waits is given them here.

alter table outbox add column headers bytea;
comment on column outbox.headers is 'The count of the CloudEvents headers, then each name and value behind its length;'
    ' ends with the traceparent, where there is one. The columns beside it say the same to people.';

create function pg_temp.sized(content bytea) returns bytea language sql immutable
    -- A length below 64 is one byte, twice the length; those between 64 and 8,191 are two, seven bits in each.
    return case when octet_length(content) < 64 then set_byte('\x00'::bytea, 0, 2 * octet_length(content))
                else set_byte('\x00'::bytea, 0, 128 + 2 * octet_length(content) % 128)
                     || set_byte('\x00'::bytea, 0, 2 * octet_length(content) / 128) end || content;
create function pg_temp.header(name text, value text) returns bytea language sql immutable
    return pg_temp.sized(convert_to(name, 'UTF8')) || pg_temp.sized(convert_to(value, 'UTF8'));
update outbox set headers =
    case when traceparent is null then '\x12'::bytea else '\x16'::bytea end
    || pg_temp.header('ce_specversion', '1.0') || pg_temp.header('ce_id', event_id::text)
    || pg_temp.header('ce_source', source) || pg_temp.header('ce_type', type)
    || pg_temp.header('ce_subject', key::text)
    || pg_temp.header('ce_time',
        replace(to_char(time at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000', ''))
    || pg_temp.header('ce_dataschema', data_schema) || pg_temp.header('ce_sequence', sequence::text)
    || pg_temp.header('content-type', 'application/json')
    || case when traceparent is null then ''::bytea
            else pg_temp.header('ce_traceparent', traceparent) || pg_temp.header('traceparent', traceparent) end;
drop function pg_temp.header;
drop function pg_temp.sized;

alter table outbox alter column headers set not null,
    add check (octet_length(headers) > 0);
