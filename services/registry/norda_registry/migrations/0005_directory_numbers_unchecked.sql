-- The consumer alone writes both tables, in one transaction, and takes an organisation's numbers out with it. The foreign
-- key's check, once for each of some six numbers, was half of what a new organisation cost PostgreSQL
-- (docs/decisions/0063-catching-up.md).

alter table directory_number drop constraint directory_number_organisation_id_fkey;
