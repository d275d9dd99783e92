SELECT rls_perms.close_table('"office_document"'::pg_catalog.regclass, ARRAY['acme_web']::text[]);
SELECT rls_perms.ensure_role('acme_everyone', 'rls_perms {"project": "acme", "database": "acme", "kind": "everyone"}');
SELECT rls_perms.ensure_role('acme_anonymous', 'rls_perms {"project": "acme", "database": "acme", "kind": "anonymous"}');
SELECT rls_perms.ensure_role('acme_superuser', 'rls_perms {"project": "acme", "database": "acme", "kind": "superuser"}');
SELECT rls_perms.ensure_role('acme_system', 'rls_perms {"project": "acme", "database": "acme", "kind": "system"}');
SELECT rls_perms.ensure_role('acme_can_office_change_document', 'rls_perms {"project": "acme", "database": "acme", "kind": "permission", "id": "office.change_document"}');
SELECT rls_perms.ensure_role('acme_can_office_delete_document', 'rls_perms {"project": "acme", "database": "acme", "kind": "permission", "id": "office.delete_document"}');
SELECT rls_perms.ensure_role('acme_can_office_view_document', 'rls_perms {"project": "acme", "database": "acme", "kind": "permission", "id": "office.view_document"}');
-- Deny every row that no policy shows, to the table's owner too.
ALTER TABLE "office_document" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "office_document" FORCE ROW LEVEL SECURITY;
SELECT rls_perms.cover_partitions('"office_document"'::pg_catalog.regclass);
SELECT rls_perms.clear_table('"office_document"'::pg_catalog.regclass, ARRAY['new_row_office_document', 'office_document_view_user', 'office_document_view_group', 'office_document_change_user', 'office_document_change_group', 'office_document_delete_user', 'office_document_delete_group', 'granted_change_office_document', 'granted_delete_office_document', 'granted_view_office_document']::text[]);
-- Object grants of the user who asks; none until sync knows the ids of the permissions.
CREATE OR REPLACE VIEW rls_perms."office_document_view_user" WITH (security_barrier) AS
SELECT NULL::bigint AS object_id, NULL::text AS object_text WHERE false;
COMMENT ON VIEW "rls_perms"."office_document_view_user" IS '';
-- Object grants of the user who asks; none until sync knows the ids of the permissions.
CREATE OR REPLACE VIEW rls_perms."office_document_view_group" WITH (security_barrier) AS
SELECT NULL::bigint AS object_id, NULL::text AS object_text WHERE false;
COMMENT ON VIEW "rls_perms"."office_document_view_group" IS '';
-- Object grants of the user who asks; none until sync knows the ids of the permissions.
CREATE OR REPLACE VIEW rls_perms."office_document_change_user" WITH (security_barrier) AS
SELECT NULL::bigint AS object_id, NULL::text AS object_text WHERE false;
COMMENT ON VIEW "rls_perms"."office_document_change_user" IS '';
-- Object grants of the user who asks; none until sync knows the ids of the permissions.
CREATE OR REPLACE VIEW rls_perms."office_document_change_group" WITH (security_barrier) AS
SELECT NULL::bigint AS object_id, NULL::text AS object_text WHERE false;
COMMENT ON VIEW "rls_perms"."office_document_change_group" IS '';
-- Object grants of the user who asks; none until sync knows the ids of the permissions.
CREATE OR REPLACE VIEW rls_perms."office_document_delete_user" WITH (security_barrier) AS
SELECT NULL::bigint AS object_id, NULL::text AS object_text WHERE false;
COMMENT ON VIEW "rls_perms"."office_document_delete_user" IS '';
-- Object grants of the user who asks; none until sync knows the ids of the permissions.
CREATE OR REPLACE VIEW rls_perms."office_document_delete_group" WITH (security_barrier) AS
SELECT NULL::bigint AS object_id, NULL::text AS object_text WHERE false;
COMMENT ON VIEW "rls_perms"."office_document_delete_group" IS '';
-- The keys that guardian grants to whoever asks. PostgreSQL puts this query into its place when it
-- plans, and only where it is needed: who holds the permission pays nothing for grants. So no SET.
CREATE OR REPLACE FUNCTION "rls_perms"."granted_change_office_document"() RETURNS TABLE (object_id bigint, object_text text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT object_id, object_text FROM "rls_perms"."office_document_change_user"
    UNION ALL SELECT object_id, object_text FROM "rls_perms"."office_document_change_group";
END;
COMMENT ON FUNCTION "rls_perms"."granted_change_office_document"() IS 'rls_perms reader';
REVOKE ALL ON FUNCTION "rls_perms"."granted_change_office_document"() FROM PUBLIC;
-- The keys that guardian grants to whoever asks. PostgreSQL puts this query into its place when it
-- plans, and only where it is needed: who holds the permission pays nothing for grants. So no SET.
CREATE OR REPLACE FUNCTION "rls_perms"."granted_delete_office_document"() RETURNS TABLE (object_id bigint, object_text text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT object_id, object_text FROM "rls_perms"."office_document_delete_user"
    UNION ALL SELECT object_id, object_text FROM "rls_perms"."office_document_delete_group";
END;
COMMENT ON FUNCTION "rls_perms"."granted_delete_office_document"() IS 'rls_perms reader';
REVOKE ALL ON FUNCTION "rls_perms"."granted_delete_office_document"() FROM PUBLIC;
-- The keys that guardian grants to whoever asks. PostgreSQL puts this query into its place when it
-- plans, and only where it is needed: who holds the permission pays nothing for grants. So no SET.
CREATE OR REPLACE FUNCTION "rls_perms"."granted_view_office_document"() RETURNS TABLE (object_id bigint, object_text text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT object_id, object_text FROM "rls_perms"."office_document_view_user"
    UNION ALL SELECT object_id, object_text FROM "rls_perms"."office_document_view_group";
END;
COMMENT ON FUNCTION "rls_perms"."granted_view_office_document"() IS 'rls_perms reader';
REVOKE ALL ON FUNCTION "rls_perms"."granted_view_office_document"() FROM PUBLIC;
CREATE POLICY "system select" ON "office_document"
    AS PERMISSIVE
    FOR SELECT
    TO "acme_boss", "acme_system"
    USING (true);
COMMENT ON POLICY "system select" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "superuser select" ON "office_document"
    AS PERMISSIVE
    FOR SELECT
    TO "acme_superuser"
    USING ("office_document"."tenant_id" = (SELECT rls_perms.tenant_id()));
COMMENT ON POLICY "superuser select" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "system insert" ON "office_document"
    AS PERMISSIVE
    FOR INSERT
    TO "acme_boss", "acme_system"
    WITH CHECK (true);
COMMENT ON POLICY "system insert" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "superuser insert" ON "office_document"
    AS PERMISSIVE
    FOR INSERT
    TO "acme_superuser"
    WITH CHECK ("office_document"."tenant_id" = (SELECT rls_perms.tenant_id()));
COMMENT ON POLICY "superuser insert" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "system update" ON "office_document"
    AS PERMISSIVE
    FOR UPDATE
    TO "acme_boss", "acme_system"
    USING (true)
    WITH CHECK (true);
COMMENT ON POLICY "system update" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "superuser update" ON "office_document"
    AS PERMISSIVE
    FOR UPDATE
    TO "acme_superuser"
    USING ("office_document"."tenant_id" = (SELECT rls_perms.tenant_id()))
    WITH CHECK ("office_document"."tenant_id" = (SELECT rls_perms.tenant_id()));
COMMENT ON POLICY "superuser update" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "system delete" ON "office_document"
    AS PERMISSIVE
    FOR DELETE
    TO "acme_boss", "acme_system"
    USING (true);
COMMENT ON POLICY "system delete" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "superuser delete" ON "office_document"
    AS PERMISSIVE
    FOR DELETE
    TO "acme_superuser"
    USING ("office_document"."tenant_id" = (SELECT rls_perms.tenant_id()));
COMMENT ON POLICY "superuser delete" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "floor select" ON "office_document"
    AS RESTRICTIVE
    FOR SELECT
    TO "acme_everyone", "acme_anonymous", "acme_superuser"
    USING ("office_document"."tenant_id" = (SELECT rls_perms.tenant_id()));
COMMENT ON POLICY "floor select" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "floor insert" ON "office_document"
    AS RESTRICTIVE
    FOR INSERT
    TO "acme_everyone", "acme_anonymous", "acme_superuser"
    WITH CHECK ("office_document"."tenant_id" = (SELECT rls_perms.tenant_id()));
COMMENT ON POLICY "floor insert" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "floor update" ON "office_document"
    AS RESTRICTIVE
    FOR UPDATE
    TO "acme_everyone", "acme_anonymous", "acme_superuser"
    USING ("office_document"."tenant_id" = (SELECT rls_perms.tenant_id()))
    WITH CHECK ("office_document"."tenant_id" = (SELECT rls_perms.tenant_id()));
COMMENT ON POLICY "floor update" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "floor delete" ON "office_document"
    AS RESTRICTIVE
    FOR DELETE
    TO "acme_everyone", "acme_anonymous", "acme_superuser"
    USING ("office_document"."tenant_id" = (SELECT rls_perms.tenant_id()));
COMMENT ON POLICY "floor delete" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "permission of holders select" ON "office_document"
    AS PERMISSIVE
    FOR SELECT
    TO "acme_can_office_delete_document", "acme_can_office_view_document", "acme_can_office_change_document"
    USING ("office_document"."tenant_id" = (SELECT rls_perms.tenant_id()));
COMMENT ON POLICY "permission of holders select" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "permission insert" ON "office_document"
    AS PERMISSIVE
    FOR INSERT
    TO "acme_everyone"
    WITH CHECK (("office_document"."tenant_id" = (SELECT rls_perms.tenant_id())) AND ((SELECT pg_catalog.has_table_privilege('"office_document"'::pg_catalog.regclass, 'INSERT'))));
COMMENT ON POLICY "permission insert" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "permission of holders update" ON "office_document"
    AS PERMISSIVE
    FOR UPDATE
    TO "acme_can_office_change_document"
    USING ("office_document"."tenant_id" = (SELECT rls_perms.tenant_id()))
    WITH CHECK ("office_document"."tenant_id" = (SELECT rls_perms.tenant_id()));
COMMENT ON POLICY "permission of holders update" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "permission of holders delete" ON "office_document"
    AS PERMISSIVE
    FOR DELETE
    TO "acme_can_office_delete_document"
    USING ("office_document"."tenant_id" = (SELECT rls_perms.tenant_id()));
COMMENT ON POLICY "permission of holders delete" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "object grants select" ON "office_document"
    AS PERMISSIVE
    FOR SELECT
    TO "acme_everyone", "acme_anonymous"
    USING (("office_document"."tenant_id" = (SELECT rls_perms.tenant_id())) AND ("office_document"."id" = ANY (ARRAY(SELECT object_id FROM "rls_perms"."granted_view_office_document"()))));
COMMENT ON POLICY "object grants select" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "object grants update" ON "office_document"
    AS PERMISSIVE
    FOR UPDATE
    TO "acme_everyone", "acme_anonymous"
    USING (("office_document"."tenant_id" = (SELECT rls_perms.tenant_id())) AND ("office_document"."id" = ANY (ARRAY(SELECT object_id FROM "rls_perms"."granted_change_office_document"()))))
    WITH CHECK (("office_document"."tenant_id" = (SELECT rls_perms.tenant_id())) AND ("office_document"."id" = ANY (ARRAY(SELECT object_id FROM "rls_perms"."granted_change_office_document"()))));
COMMENT ON POLICY "object grants update" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "object grants delete" ON "office_document"
    AS PERMISSIVE
    FOR DELETE
    TO "acme_everyone", "acme_anonymous"
    USING (("office_document"."tenant_id" = (SELECT rls_perms.tenant_id())) AND ("office_document"."id" = ANY (ARRAY(SELECT object_id FROM "rls_perms"."granted_delete_office_document"()))));
COMMENT ON POLICY "object grants delete" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "own select" ON "office_document"
    AS PERMISSIVE
    FOR SELECT
    TO "acme_everyone"
    USING (("office_document"."tenant_id" = (SELECT rls_perms.tenant_id())) AND ("office_document"."owner_id" = (SELECT rls_perms.user_id())));
COMMENT ON POLICY "own select" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "own update" ON "office_document"
    AS PERMISSIVE
    FOR UPDATE
    TO "acme_everyone"
    USING (("office_document"."tenant_id" = (SELECT rls_perms.tenant_id())) AND ("office_document"."owner_id" = (SELECT rls_perms.user_id())))
    WITH CHECK (("office_document"."tenant_id" = (SELECT rls_perms.tenant_id())) AND ("office_document"."owner_id" = (SELECT rls_perms.user_id())));
COMMENT ON POLICY "own update" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "public select" ON "office_document"
    AS PERMISSIVE
    FOR SELECT
    TO "acme_everyone", "acme_anonymous"
    USING (("office_document"."tenant_id" = (SELECT rls_perms.tenant_id())) AND ("office_document"."is_public"));
COMMENT ON POLICY "public select" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "open only update" ON "office_document"
    AS RESTRICTIVE
    FOR UPDATE
    TO "acme_everyone", "acme_anonymous"
    USING (NOT "office_document"."closed")
    WITH CHECK (true);
COMMENT ON POLICY "open only update" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
CREATE POLICY "new row select" ON "office_document"
    AS PERMISSIVE
    FOR SELECT
    TO "acme_everyone", "acme_anonymous"
    USING (("office_document"."tenant_id" = (SELECT rls_perms.tenant_id())) AND ((SELECT rls_perms.setting('new_28bf462738ac6ef4') IS NOT NULL)) AND ("id" = nullif(pg_catalog.current_setting('rls_perms.new_28bf462738ac6ef4', true), '')::bigint));
COMMENT ON POLICY "new row select" ON "office_document" IS 'rls_perms {"declaration": "office_document_rls", "digest": "f4de0aa124e895e9"}';
-- Remember the key of the row that is being inserted: RETURNING asks SELECT's policies for
-- it, row by row and right after this, so one key is enough however many rows there are.
CREATE OR REPLACE FUNCTION rls_perms."new_row_office_document"() RETURNS trigger
LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM pg_catalog.set_config('rls_perms.new_28bf462738ac6ef4', NEW."id"::pg_catalog.text, true);
    RETURN NEW;
END
$function$;
-- Last of the BEFORE triggers, so that it sees the key that will be stored.
CREATE OR REPLACE TRIGGER "zz_rls_perms_new_row" BEFORE INSERT ON "office_document"
    FOR EACH ROW WHEN (current_user NOT IN ('acme_boss', 'acme_system'))
    EXECUTE FUNCTION rls_perms."new_row_office_document"();
-- After an UPDATE, too: one that moves a row to another partition inserts it there.
CREATE OR REPLACE TRIGGER "zz_rls_perms_forget_new_row" AFTER INSERT OR UPDATE ON "office_document"
    FOR EACH STATEMENT WHEN (
        current_user NOT IN ('acme_boss', 'acme_system')
        AND pg_catalog.current_setting('rls_perms.new_28bf462738ac6ef4', true) <> ''
    )
    EXECUTE FUNCTION rls_perms.forget_new_row('rls_perms.new_28bf462738ac6ef4');
DROP TRIGGER IF EXISTS "zz_rls_perms_creator" ON "office_document";
DROP TRIGGER IF EXISTS "zz_rls_perms_gone" ON "office_document";
DROP TRIGGER IF EXISTS "zz_rls_perms_key" ON "office_document";
DROP TRIGGER IF EXISTS "zz_rls_perms_emptied" ON "office_document";
-- Write down what the policies are, and of which SQL they were made.
SELECT rls_perms.seal('"office_document"'::pg_catalog.regclass, 'digest');
