"""The roles of a test database: made before it, dropped after it."""

from psycopg import sql

MAY_MAKE = """
SELECT current_user::text, rolcreaterole OR rolsuper, rolcreatedb OR rolsuper
  FROM pg_catalog.pg_roles
 WHERE rolname = current_user
"""

# In one statement with parameters: DO takes none, so the text goes through set_config().
ENSURE_ROLE = """
SELECT set_config('rls_perms.test_role', %s, false),
       set_config('rls_perms.test_mark', %s, false),
       set_config('rls_perms.test_creates', (%s)::text, false);
DO $do$
DECLARE
    name text := current_setting('rls_perms.test_role');
    creates boolean := current_setting('rls_perms.test_creates')::boolean;
    is_super boolean := (SELECT rolsuper FROM pg_roles WHERE rolname = current_user);
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
        EXECUTE format('CREATE ROLE %%I NOLOGIN', name);
    END IF;
    EXECUTE format('COMMENT ON ROLE %%I IS %%L', name, current_setting('rls_perms.test_mark'));
    IF creates THEN
        EXECUTE format('ALTER ROLE %%I CREATEROLE', name);
    END IF;
    IF NOT is_super THEN
        IF current_setting('server_version_num')::int >= 160000 THEN
            EXECUTE format('GRANT %%I TO %%I WITH INHERIT FALSE, SET TRUE', name, current_user);
        ELSE
            EXECUTE format('GRANT %%I TO %%I', name, current_user);
        END IF;
    END IF;
END
$do$
"""

DROP_ROLES = """
SELECT set_config('rls_perms.test_prefix', %s, false);
DO $do$
DECLARE
    role text;
    prefix text := current_setting('rls_perms.test_prefix');
BEGIN
    -- What the owner made, the owner drops; the owner itself comes last.
    EXECUTE format('SET ROLE %%I', prefix || 'owner');
    FOR role IN
        SELECT rolname FROM pg_roles
         WHERE starts_with(rolname, prefix)
           AND rolname NOT IN (prefix || 'owner', prefix || 'login')
           AND starts_with(shobj_description(oid, 'pg_authid'), 'rls_perms ')
    LOOP
        EXECUTE format('DROP ROLE %%I', role);
    END LOOP;
    EXECUTE 'RESET ROLE';
    EXECUTE format('DROP ROLE %%I', prefix || 'login');
    EXECUTE format('DROP ROLE %%I', prefix || 'owner');
END
$do$
"""


def owned_by(owner: str) -> sql.Composed:
    """The clause of CREATE DATABASE that names its owner."""
    return sql.SQL("OWNER {}").format(sql.Identifier(owner))
