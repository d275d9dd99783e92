-- A key that nobody has ever seen, of the 488 random bits of four UUIDs; made once.
INSERT INTO rls_perms.proof_key (inside, outside)
SELECT rls_perms.padded(random.key, 54), rls_perms.padded(random.key, 92)
  FROM (
        SELECT pg_catalog.sha256(
                   pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
                   OPERATOR(pg_catalog.||) pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
                   OPERATOR(pg_catalog.||) pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
                   OPERATOR(pg_catalog.||) pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
               ) AS key
       ) AS random
ON CONFLICT DO NOTHING;
