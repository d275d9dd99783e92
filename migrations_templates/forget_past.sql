DELETE FROM rls_perms.gone AS past
 WHERE past.ctid = ANY (ARRAY(
           SELECT ctid FROM rls_perms.gone
            WHERE transaction < pg_snapshot_xmin(pg_current_snapshot())
              FOR UPDATE SKIP LOCKED
       ));
