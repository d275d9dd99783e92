SELECT past.key::{type} AS object_id, past.key::text COLLATE "default" AS object_text
  FROM rls_perms.gone AS past
 WHERE past.transaction = pg_catalog.pg_current_xact_id_if_assigned()
   AND past.source IN ({sources})
   AND past.holder {holder}
