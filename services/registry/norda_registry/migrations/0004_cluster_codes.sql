-- A cluster's code is one of its numbers: nobody else's, in no state, as long as the cluster is active.

insert into identifier (organisation_id, kind, value, held)
select id, 'cluster', cluster_code, status = 'active' from organisation where cluster_code is not null
on conflict do nothing;
insert into directory_number (organisation_id, kind, value, held)
select organisation_id, 'cluster', cluster_code, status = 'active' from directory where cluster_code is not null
on conflict do nothing;
drop index organisation_cluster_code;
create index organisation_cluster_code on organisation (cluster_code) where cluster_code is not null;
