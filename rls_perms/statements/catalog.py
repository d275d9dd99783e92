"""Questions to PostgreSQL's catalogs; all are answered for any login."""

INSTALLATION = """
SELECT prefix, database FROM rls_perms.installation
"""

HAS_INSTALLATION = """
SELECT pg_catalog.to_regclass('rls_perms.installation') IS NOT NULL
"""

SESSION = """
SELECT current_user::text,
       session_user::text,
       pg_catalog.current_database()::text,
       role.rolsuper,
       role.rolcreaterole,
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'),
       (SELECT pg_catalog.pg_get_userbyid(nspowner)::text
          FROM pg_catalog.pg_namespace
         WHERE nspname = 'rls_perms')
  FROM pg_catalog.pg_roles AS role
 WHERE role.rolname = current_user
"""

# Every role of the name space, marked or not: an unmarked one is somebody else's.
ROLES = """
SELECT role.rolname::text,
       pg_catalog.shobj_description(role.oid, 'pg_authid'),
       role.rolinherit
  FROM pg_catalog.pg_roles AS role
 WHERE pg_catalog.starts_with(role.rolname, %(prefix)s || '_')
    OR role.rolname = ANY (%(logins)s)
"""

MEMBERSHIPS_BEFORE_16 = """
SELECT role.rolname::text, member.rolname::text, member.rolinherit, true,
       m.admin_option, pg_catalog.pg_get_userbyid(m.grantor)::text
  FROM pg_catalog.pg_auth_members AS m
  JOIN pg_catalog.pg_roles AS role ON role.oid = m.roleid
  JOIN pg_catalog.pg_roles AS member ON member.oid = m.member
 WHERE role.rolname = ANY (%(names)s) OR member.rolname = ANY (%(names)s)
"""

MEMBERSHIPS = """
SELECT role.rolname::text, member.rolname::text, m.inherit_option, m.set_option,
       m.admin_option, pg_catalog.pg_get_userbyid(m.grantor)::text
  FROM pg_catalog.pg_auth_members AS m
  JOIN pg_catalog.pg_roles AS role ON role.oid = m.roleid
  JOIN pg_catalog.pg_roles AS member ON member.oid = m.member
 WHERE role.rolname = ANY (%(names)s) OR member.rolname = ANY (%(names)s)
"""

ENTRIES = """
SELECT kind, key, role FROM rls_perms.role_map
"""

RELATION_GRANTS = """
SELECT CASE relation.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
       schema.nspname::text, relation.relname::text, '',
       pg_catalog.pg_get_userbyid(relation.relowner)::text,
       CASE acl.grantee WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(acl.grantee)::text END,
       acl.privilege_type
  FROM pg_catalog.pg_class AS relation
  JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relation.relnamespace
 CROSS JOIN LATERAL pg_catalog.aclexplode(relation.relacl) AS acl
 WHERE relation.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
   AND (schema.nspname = ANY (%(schemas)s))
UNION ALL
SELECT 'TABLE', schema.nspname::text, relation.relname::text, attribute.attname::text,
       pg_catalog.pg_get_userbyid(relation.relowner)::text,
       CASE acl.grantee WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(acl.grantee)::text END,
       acl.privilege_type
  FROM pg_catalog.pg_attribute AS attribute
  JOIN pg_catalog.pg_class AS relation ON relation.oid = attribute.attrelid
  JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relation.relnamespace
 CROSS JOIN LATERAL pg_catalog.aclexplode(attribute.attacl) AS acl
 WHERE attribute.attacl IS NOT NULL
   AND NOT attribute.attisdropped
   AND (schema.nspname = ANY (%(schemas)s))
"""

SCHEMA_GRANTS = """
SELECT schema.nspname::text,
       pg_catalog.pg_get_userbyid(schema.nspowner)::text,
       CASE acl.grantee WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(acl.grantee)::text END,
       acl.privilege_type
  FROM pg_catalog.pg_namespace AS schema
 CROSS JOIN LATERAL pg_catalog.aclexplode(schema.nspacl) AS acl
 WHERE schema.nspname = ANY (%(schemas)s)
"""

FUNCTION_GRANTS = """
SELECT function.proname::text,
       ARRAY(SELECT pg_catalog.format_type(type, NULL)
               FROM unnest(function.proargtypes) WITH ORDINALITY AS argument (type, position)
              ORDER BY position),
       pg_catalog.pg_get_userbyid(function.proowner)::text,
       CASE acl.grantee WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(acl.grantee)::text END,
       acl.privilege_type
  FROM pg_catalog.pg_proc AS function
 CROSS JOIN LATERAL pg_catalog.aclexplode(
           coalesce(function.proacl, pg_catalog.acldefault('f', function.proowner))
       ) AS acl
 WHERE function.pronamespace = 'rls_perms'::pg_catalog.regnamespace
"""

RELATIONS = """
SELECT schema.nspname::text, relation.relname::text,
       relation.relname = ANY (%(names)s) AND pg_catalog.pg_table_is_visible(relation.oid),
       ARRAY(SELECT attribute.attname::text
               FROM pg_catalog.pg_attribute AS attribute
              WHERE attribute.attrelid = relation.oid
                AND attribute.attnum > 0 AND NOT attribute.attisdropped
              ORDER BY attribute.attnum)
  FROM pg_catalog.pg_class AS relation
  JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relation.relnamespace
 WHERE relation.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND schema.nspname !~ '^pg_' AND schema.nspname <> 'information_schema'
"""

# Sequences of serial columns; those of identity columns need no privilege.
SERIAL_SEQUENCES = """
SELECT table_schema.nspname::text, relation.relname::text,
       sequence_schema.nspname::text, sequence.relname::text
  FROM pg_catalog.pg_depend AS dependency
  JOIN pg_catalog.pg_class AS sequence
    ON sequence.oid = dependency.objid AND sequence.relkind = 'S'
  JOIN pg_catalog.pg_namespace AS sequence_schema ON sequence_schema.oid = sequence.relnamespace
  JOIN pg_catalog.pg_class AS relation ON relation.oid = dependency.refobjid
  JOIN pg_catalog.pg_namespace AS table_schema ON table_schema.oid = relation.relnamespace
 WHERE dependency.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
   AND dependency.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
   AND dependency.deptype = 'a'
"""

DECLARATIONS = """
SELECT schema.nspname::text, relation.relname::text,
       relation.relrowsecurity AND relation.relforcerowsecurity,
       policy.polname::text,
       pg_catalog.obj_description(policy.oid, 'pg_policy')
  FROM pg_catalog.pg_policy AS policy
  JOIN pg_catalog.pg_class AS relation ON relation.oid = policy.polrelid
  JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relation.relnamespace
"""

GRANT_VIEWS = """
SELECT relname::text, coalesce(pg_catalog.obj_description(oid, 'pg_class'), '')
  FROM pg_catalog.pg_class
 WHERE relnamespace = 'rls_perms'::pg_catalog.regnamespace AND relkind = 'v'
"""

FUNCTIONS_INSTALLED = """
SELECT functions FROM rls_perms.installation
"""

# What a login must not be. The last column: whether it may become the owner.
LOGINS = """
SELECT role.rolname::text, role.rolsuper, role.rolbypassrls, role.rolinherit,
       pg_catalog.pg_has_role(role.oid, current_user, 'MEMBER')
  FROM pg_catalog.pg_roles AS role
 WHERE role.rolname = ANY (%(logins)s)
"""

LOCK = """
SELECT pg_catalog.pg_advisory_xact_lock(%s)
"""

CURRENT_SCHEMA = """
SELECT coalesce(pg_catalog.current_schema()::text, 'public')
"""

# The type of the key in each view of grants.
GRANT_VIEW_TYPES = """
SELECT relation.relname::text, pg_catalog.format_type(attribute.atttypid, NULL)
  FROM pg_catalog.pg_class AS relation
  JOIN pg_catalog.pg_attribute AS attribute
    ON attribute.attrelid = relation.oid AND attribute.attname = 'object_id'
 WHERE relation.relnamespace = 'rls_perms'::pg_catalog.regnamespace AND relation.relkind = 'v'
"""
