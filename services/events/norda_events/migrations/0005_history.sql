-- The history of an event, for the offices that hold it; the audit log itself stays the auditors'.

create function event_history(of_event uuid, most int)
returns table (at timestamptz, subject text, name text, state text, action text, before jsonb, after jsonb)
stable security definer language sql
begin atomic
    select a.at,
           case when n.named then a.subject end,
           case when n.named then p.name end,
           a.state, a.action, a.before, a.after
    from audit_log as a
    left join person as p using (subject),
    lateral (select has_role('auditor') or a.state = office_state() as named) as n
    where a.kind = 'event' and a.item = of_event::text
      and (has_role('auditor') or office_state() is not null and hosts(of_event))
    order by a.id desc
    limit most;
end;
comment on function event_history is 'What was done to an event, newest first: for auditors, and for the hosts'' offices, to whom people of another state are that state''s office.';
