-- Restriction (Art. 18 GDPR): the participant's record stays as it is, and is shown as restricted.

alter table participant add column restricted_at timestamptz;
comment on column participant.restricted_at is 'Since when the person asked for restriction; no office erases or changes it meanwhile.';
