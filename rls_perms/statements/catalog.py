"""Questions to PostgreSQL's catalogs; all are answered for any login."""

INSTALLATION = """
SELECT prefix, database FROM rls_perms.installation
"""

HAS_INSTALLATION = """
SELECT pg_catalog.to_regclass('rls_perms.installation') IS NOT NULL
"""

#: A standby has what its primary has, and nothing can be changed on it.
IS_STANDBY = "SELECT pg_catalog.pg_is_in_recovery()"

#: The process that answers.
BACKEND = "SELECT pg_catalog.pg_backend_pid()"

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

# Every role of the name space, marked or not: an unmarked one is somebody else's. The last
# column: the attributes to set right, were it one of ours.
ROLES = """
SELECT role.rolname::text,
       pg_catalog.shobj_description(role.oid, 'pg_authid'),
       pg_catalog.array_remove(ARRAY[
           CASE WHEN role.rolcanlogin THEN 'NOLOGIN' END,
           CASE WHEN NOT role.rolinherit THEN 'INHERIT' END,
           CASE WHEN role.rolsuper THEN 'NOSUPERUSER' END,
           CASE WHEN role.rolcreatedb THEN 'NOCREATEDB' END,
           CASE WHEN role.rolcreaterole THEN 'NOCREATEROLE' END,
           CASE WHEN role.rolreplication THEN 'NOREPLICATION' END,
           CASE WHEN role.rolbypassrls THEN 'NOBYPASSRLS' END
       ], NULL)
  FROM pg_catalog.pg_roles AS role
 WHERE pg_catalog.starts_with(role.rolname, %(prefix)s || '_')
    OR role.rolname = ANY (%(logins)s)
"""

# The last column: whether the member makes roles, or is the owner, and so may hold ADMIN on them.
MEMBERSHIPS_BEFORE_16 = """
SELECT role.rolname::text, member.rolname::text, member.rolinherit, true,
       m.admin_option, pg_catalog.pg_get_userbyid(m.grantor)::text,
       member.rolcreaterole OR member.rolsuper OR member.rolname = current_user
  FROM pg_catalog.pg_auth_members AS m
  JOIN pg_catalog.pg_roles AS role ON role.oid = m.roleid
  JOIN pg_catalog.pg_roles AS member ON member.oid = m.member
 WHERE role.rolname = ANY (%(names)s) OR member.rolname = ANY (%(names)s)
"""

MEMBERSHIPS = """
SELECT role.rolname::text, member.rolname::text, m.inherit_option, m.set_option,
       m.admin_option, pg_catalog.pg_get_userbyid(m.grantor)::text,
       member.rolcreaterole OR member.rolsuper OR member.rolname = current_user
  FROM pg_catalog.pg_auth_members AS m
  JOIN pg_catalog.pg_roles AS role ON role.oid = m.roleid
  JOIN pg_catalog.pg_roles AS member ON member.oid = m.member
 WHERE role.rolname = ANY (%(names)s) OR member.rolname = ANY (%(names)s)
"""

# Which of these roles the asking one may act for, as in GRANTED BY.
ACTS_FOR = """
SELECT rolname::text
  FROM pg_catalog.pg_roles
 WHERE rolname = ANY (%(names)s) AND pg_catalog.pg_has_role(current_user, oid, 'USAGE')
"""

ROLE_SETTINGS = """
SELECT role, name, value, position FROM rls_perms.role_setting
"""

ENTRIES = """
SELECT kind, key, role FROM rls_perms.role_map
"""

# In all four: what the owner of an object granted has the grantor ''. Objects of an owner that
# we are not are left out, since their privileges are not ours to change.
RELATION_GRANTS = """
SELECT CASE relation.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
       schema.nspname::text, relation.relname::text,
       CASE acl.grantee WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(acl.grantee)::text END,
       acl.privilege_type, '',
       CASE WHEN acl.grantor = relation.relowner THEN ''
            ELSE pg_catalog.pg_get_userbyid(acl.grantor)::text END,
       acl.is_grantable
  FROM pg_catalog.pg_class AS relation
  JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relation.relnamespace
 CROSS JOIN LATERAL pg_catalog.aclexplode(relation.relacl) AS acl
 WHERE relation.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
   AND acl.grantee <> relation.relowner
   AND schema.nspname !~ '^pg_' AND schema.nspname <> 'information_schema'
   AND pg_catalog.pg_has_role(current_user, relation.relowner, 'USAGE')
UNION ALL
SELECT 'TABLE', schema.nspname::text, relation.relname::text,
       CASE acl.grantee WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(acl.grantee)::text END,
       acl.privilege_type, attribute.attname::text,
       CASE WHEN acl.grantor = relation.relowner THEN ''
            ELSE pg_catalog.pg_get_userbyid(acl.grantor)::text END,
       acl.is_grantable
  FROM pg_catalog.pg_attribute AS attribute
  JOIN pg_catalog.pg_class AS relation ON relation.oid = attribute.attrelid
  JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relation.relnamespace
 CROSS JOIN LATERAL pg_catalog.aclexplode(attribute.attacl) AS acl
 WHERE attribute.attacl IS NOT NULL
   AND NOT attribute.attisdropped
   AND acl.grantee <> relation.relowner
   AND schema.nspname !~ '^pg_' AND schema.nspname <> 'information_schema'
   AND pg_catalog.pg_has_role(current_user, relation.relowner, 'USAGE')
"""

SCHEMA_GRANTS = """
SELECT schema.nspname::text,
       CASE acl.grantee WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(acl.grantee)::text END,
       acl.privilege_type,
       CASE WHEN acl.grantor = schema.nspowner THEN ''
            ELSE pg_catalog.pg_get_userbyid(acl.grantor)::text END,
       acl.is_grantable
  FROM pg_catalog.pg_namespace AS schema
 CROSS JOIN LATERAL pg_catalog.aclexplode(schema.nspacl) AS acl
 WHERE schema.nspname !~ '^pg_' AND schema.nspname <> 'information_schema'
   AND acl.grantee <> schema.nspowner
   AND pg_catalog.pg_has_role(current_user, schema.nspowner, 'USAGE')
"""

# Who may make temporary objects, or schemas.
DATABASE_GRANTS = """
SELECT database.datname::text,
       CASE acl.grantee WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(acl.grantee)::text END,
       acl.privilege_type,
       CASE WHEN acl.grantor = database.datdba THEN ''
            ELSE pg_catalog.pg_get_userbyid(acl.grantor)::text END,
       acl.is_grantable
  FROM pg_catalog.pg_database AS database
 CROSS JOIN LATERAL pg_catalog.aclexplode(
           coalesce(database.datacl, pg_catalog.acldefault('d', database.datdba))
       ) AS acl
 WHERE database.datname = pg_catalog.current_database()
   AND acl.grantee <> database.datdba
   AND acl.privilege_type IN ('TEMPORARY', 'CREATE')
   AND pg_catalog.pg_has_role(current_user, database.datdba, 'USAGE')
"""

# What lets PUBLIC or one of these roles make a view, where it is not the asking role's to revoke;
# and the views that such a role has. As statements for whose they are.
MAKERS = """
SELECT pg_catalog.format(
           'REVOKE %%s ON DATABASE %%I FROM %%s', acl.privilege_type, database.datname,
           CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::pg_catalog.regrole::text END
       )
  FROM pg_catalog.pg_database AS database
 CROSS JOIN LATERAL pg_catalog.aclexplode(
           coalesce(database.datacl, pg_catalog.acldefault('d', database.datdba))
       ) AS acl
 WHERE database.datname = pg_catalog.current_database()
   AND acl.privilege_type IN ('TEMPORARY', 'CREATE')
   AND (acl.grantee = 0 OR pg_catalog.pg_get_userbyid(acl.grantee) = ANY (%(roles)s))
   AND NOT pg_catalog.pg_has_role(current_user, database.datdba, 'USAGE')
UNION ALL
SELECT pg_catalog.format(
           'REVOKE CREATE ON SCHEMA %%I FROM %%s', schema.nspname,
           CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::pg_catalog.regrole::text END
       )
  FROM pg_catalog.pg_namespace AS schema
 CROSS JOIN LATERAL pg_catalog.aclexplode(schema.nspacl) AS acl
 WHERE acl.privilege_type = 'CREATE'
   AND (acl.grantee = 0 OR pg_catalog.pg_get_userbyid(acl.grantee) = ANY (%(roles)s))
   AND NOT pg_catalog.pg_has_role(current_user, schema.nspowner, 'USAGE')
UNION ALL
SELECT pg_catalog.format('DROP VIEW %%s', relation.oid::pg_catalog.regclass)
  FROM pg_catalog.pg_class AS relation
 WHERE relation.relkind IN ('v', 'm')
   AND pg_catalog.pg_get_userbyid(relation.relowner) = ANY (%(roles)s)
 ORDER BY 1
"""

FUNCTION_GRANTS = """
SELECT function.proname::text,
       ARRAY(SELECT pg_catalog.format_type(type, NULL)
               FROM unnest(function.proargtypes) WITH ORDINALITY AS argument (type, position)
              ORDER BY position),
       CASE acl.grantee WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(acl.grantee)::text END,
       acl.privilege_type,
       CASE WHEN acl.grantor = function.proowner THEN ''
            ELSE pg_catalog.pg_get_userbyid(acl.grantor)::text END,
       acl.is_grantable
  FROM pg_catalog.pg_proc AS function
 CROSS JOIN LATERAL pg_catalog.aclexplode(
           coalesce(function.proacl, pg_catalog.acldefault('f', function.proowner))
       ) AS acl
 WHERE function.pronamespace = 'rls_perms'::pg_catalog.regnamespace
   AND acl.grantee <> function.proowner
"""

# Of these schemas, those that not everybody in the cluster may look into.
CLOSED_SCHEMAS = """
SELECT nspname::text
  FROM pg_catalog.pg_namespace
 WHERE nspname = ANY (%(schemas)s)
   AND pg_catalog.pg_has_role(current_user, nspowner, 'USAGE')
   AND NOT EXISTS (
           SELECT
             FROM pg_catalog.aclexplode(nspacl) AS acl
            WHERE acl.grantee = 0 AND acl.privilege_type = 'USAGE'
       )
"""

# The last column: whether its privileges are the asking role's to grant.
RELATIONS = """
SELECT schema.nspname::text, relation.relname::text,
       relation.relname = ANY (%(names)s) AND pg_catalog.pg_table_is_visible(relation.oid),
       ARRAY(SELECT attribute.attname::text
               FROM pg_catalog.pg_attribute AS attribute
              WHERE attribute.attrelid = relation.oid
                AND attribute.attnum > 0 AND NOT attribute.attisdropped
              ORDER BY attribute.attnum),
       pg_catalog.pg_has_role(current_user, relation.relowner, 'USAGE'),
       relation.relkind IN ('v', 'm')
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

# The last column: the digest that the policies have now, once a table.
DECLARATIONS = """
SELECT schema.nspname::text, relation.relname::text,
       relation.relrowsecurity AND relation.relforcerowsecurity,
       policy.polname::text, policy.polpermissive,
       pg_catalog.obj_description(policy.oid, 'pg_policy'),
       CASE WHEN policy.polname = 'system select'
            THEN rls_perms.policy_digest(relation.oid)
       END
  FROM pg_catalog.pg_policy AS policy
  JOIN pg_catalog.pg_class AS relation ON relation.oid = policy.polrelid
  JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relation.relnamespace
"""

#: What PostgreSQL noted of the columns that policies name, but for those of their own tables.
POLICY_READS = """
SELECT DISTINCT schema.nspname::text, relation.relname::text,
       other_schema.nspname::text, other.relname::text, column_.attname::text,
       role.rolname::text
  FROM pg_catalog.pg_policy AS policy
  JOIN pg_catalog.pg_class AS relation ON relation.oid = policy.polrelid
  JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relation.relnamespace
  JOIN pg_catalog.pg_depend AS named
    ON named.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND named.objid = policy.oid
   AND named.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
   AND named.refobjid <> policy.polrelid
  JOIN pg_catalog.pg_class AS other ON other.oid = named.refobjid AND other.relkind IN ('r', 'p')
  JOIN pg_catalog.pg_namespace AS other_schema ON other_schema.oid = other.relnamespace
  JOIN pg_catalog.pg_attribute AS column_
    ON column_.attrelid = other.oid AND column_.attnum = named.refobjsubid
  JOIN pg_catalog.pg_roles AS role ON role.oid = ANY (policy.polroles)
 WHERE pg_catalog.starts_with(
           pg_catalog.obj_description(policy.oid, 'pg_policy'), 'rls_perms '
       )
"""

SECURED = """
SELECT schema.nspname::text, relation.relname::text
  FROM pg_catalog.pg_class AS relation
  JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relation.relnamespace
 WHERE relation.relrowsecurity
"""

# The partitions of each table at all levels, and what inherits from it. The last column: whether
# row security is on, as far as it can be and the asking role may enable it.
PARTITIONS = """
SELECT root_schema.nspname::text, root.relname::text, schema.nspname::text, relation.relname::text,
       relation.relrowsecurity
       OR relation.relkind = 'f'
       OR NOT pg_catalog.pg_has_role(current_user, relation.relowner, 'USAGE')
  FROM (
        WITH RECURSIVE below (root, oid) AS (
            SELECT inhparent, inhrelid FROM pg_catalog.pg_inherits
            UNION
            SELECT below.root, inhrelid
              FROM pg_catalog.pg_inherits
              JOIN below ON inhparent = below.oid
        )
        SELECT root, oid FROM below
       ) AS below
  JOIN pg_catalog.pg_class AS root ON root.oid = below.root
  JOIN pg_catalog.pg_namespace AS root_schema ON root_schema.oid = root.relnamespace
  JOIN pg_catalog.pg_class AS relation ON relation.oid = below.oid
  JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relation.relnamespace
 WHERE root.relkind IN ('r', 'p', 'f') AND relation.relkind IN ('r', 'p', 'f')
 ORDER BY 1, 2, 3, 4
"""

GRANT_VIEWS = """
SELECT relname::text, coalesce(pg_catalog.obj_description(oid, 'pg_class'), '')
  FROM pg_catalog.pg_class
 WHERE relnamespace = 'rls_perms'::pg_catalog.regnamespace AND relkind = 'v'
"""

# Functions by which grants follow rows: the digest they were made of, if they are still so.
FOLLOWING = """
SELECT proname::text,
       CASE WHEN mark.words[3] = rls_perms.trigger_digest(function.oid::pg_catalog.regproc)
            THEN mark.words[2] ELSE '' END
  FROM pg_catalog.pg_proc AS function
 CROSS JOIN LATERAL (
           SELECT pg_catalog.string_to_array(pg_catalog.obj_description(oid, 'pg_proc'), ' ')
       ) AS mark (words)
 WHERE pronamespace = 'rls_perms'::pg_catalog.regnamespace AND mark.words[1] = 'rls_perms'
   AND EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgfoid = function.oid)
"""

FUNCTIONS_INSTALLED = """
SELECT functions FROM rls_perms.installation
"""

HAS_SIGNING = """
SELECT pg_catalog.to_regclass('rls_perms.signing_key') IS NOT NULL
"""

# The keys of the application, by their fingerprints, and whether the database has its own.
SIGNING_KEYS = """
SELECT coalesce(pg_catalog.string_agg(fingerprint, ' ' ORDER BY position), ''),
       EXISTS (SELECT FROM rls_perms.proof_key)
  FROM rls_perms.signing_key
"""

HAS_LIVE = """
SELECT pg_catalog.to_regprocedure('rls_perms.live_digest()') IS NOT NULL
"""

# What the live triggers were made of, and what they were then and are now; and the map.
LIVE = """
SELECT live, rls_perms.live_digest(), rls_perms.live_map_digest() FROM rls_perms.installation
"""

OWNS = """
SELECT pg_catalog.pg_has_role(%s, relowner, 'USAGE')
  FROM pg_catalog.pg_class
 WHERE oid = %s::pg_catalog.regclass
"""

MISSING = """
SELECT EXISTS (
           SELECT FROM pg_catalog.unnest(%s::text[]) AS name
            WHERE pg_catalog.to_regclass(name) IS NULL
       )
"""

# What a login must not be. The last column: whether it may become the owner.
LOGINS = """
SELECT role.rolname::text, role.rolsuper, role.rolbypassrls, role.rolinherit, role.rolcreaterole,
       pg_catalog.pg_has_role(role.oid, coalesce(
           (SELECT nspowner FROM pg_catalog.pg_namespace WHERE nspname = 'rls_perms'),
           (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user)
       ), 'MEMBER')
  FROM pg_catalog.pg_roles AS role
 WHERE role.rolname = ANY (%(logins)s)
"""

# Parameters that only a superuser sets, or who was granted to SET them, and who was not.
CLOSED_PARAMETERS = """
SELECT parameter.name, login.name
  FROM pg_catalog.pg_settings AS parameter
 CROSS JOIN pg_catalog.unnest(%(logins)s::text[]) AS login (name)
 WHERE parameter.name = ANY (%(names)s) AND parameter.context = 'superuser'
   AND NOT pg_catalog.has_parameter_privilege(login.name, parameter.name, 'SET')
"""

# What would stop DROP ROLE, in any database of the cluster: what roles own, policies that name
# them, and privileges but those in this database that a sync takes back by itself.
DEPENDENCIES = """
SELECT role.rolname::text, coalesce(database.datname::text, ''),
       CASE WHEN dependency.dbid = 0 OR database.datname = pg_catalog.current_database()
            THEN pg_catalog.pg_describe_object(
                     dependency.classid, dependency.objid, dependency.objsubid
                 )
       END
  FROM pg_catalog.pg_shdepend AS dependency
  JOIN pg_catalog.pg_roles AS role ON role.oid = dependency.refobjid
  LEFT JOIN pg_catalog.pg_database AS database ON database.oid = dependency.dbid
  LEFT JOIN pg_catalog.pg_class AS relation
    ON dependency.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
   AND relation.oid = dependency.objid
   AND relation.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  LEFT JOIN pg_catalog.pg_namespace AS schema
    ON dependency.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
   AND schema.oid = dependency.objid
  LEFT JOIN pg_catalog.pg_proc AS function
    ON dependency.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
   AND function.oid = dependency.objid
   AND function.pronamespace = 'rls_perms'::pg_catalog.regnamespace
 WHERE dependency.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
   AND role.rolname = ANY (%(names)s)
   AND NOT (
           coalesce(database.datname = pg_catalog.current_database(), false)
           AND dependency.deptype = 'a'
           AND coalesce(
                   pg_catalog.pg_has_role(
                       coalesce(relation.relowner, schema.nspowner, function.proowner), 'USAGE'
                   ),
                   false
               )
       )
 ORDER BY 1, 2, 3
"""

LOCK = """
SELECT pg_catalog.pg_advisory_xact_lock(%s)
"""

CURRENT_SCHEMA = """
SELECT coalesce(pg_catalog.current_schema()::text, 'public')
"""

# About how many rows a table has, and the leading columns of each index that answers "=".
INDEXES = """
SELECT relation.reltuples,
       coalesce(pg_catalog.json_agg(
           ARRAY(
               SELECT CASE
                          WHEN index.indkey[place] = 0
                              THEN '(' || pg_catalog.format_type(of_index.atttypid, NULL) || ')'
                          ELSE attribute.attname::text
                      END
                 FROM pg_catalog.generate_series(0, index.indnkeyatts - 1) AS place
                 JOIN pg_catalog.pg_attribute AS of_index
                   ON of_index.attrelid = index.indexrelid AND of_index.attnum = place + 1
                 LEFT JOIN pg_catalog.pg_attribute AS attribute
                   ON attribute.attrelid = relation.oid AND attribute.attnum = index.indkey[place]
                ORDER BY place
           )
       ) FILTER (WHERE index.indisvalid AND index.indpred IS NULL), '[]')
  FROM pg_catalog.pg_class AS relation
  LEFT JOIN pg_catalog.pg_index AS index ON index.indrelid = relation.oid
 WHERE relation.oid = pg_catalog.to_regclass(%s)
 GROUP BY relation.reltuples
"""

# The values of a column that more rows than so many have, by what ANALYZE saw: a value that is not
# among the common ones has an even part of the rest.
FREQUENT = """
SELECT one.value
  FROM pg_catalog.pg_class AS relation
  JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relation.relnamespace
  JOIN pg_catalog.pg_stats AS stats
    ON stats.schemaname = schema.nspname AND stats.tablename = relation.relname
 CROSS JOIN LATERAL (
           SELECT common.value, relation.reltuples * common.part AS rows
             FROM ROWS FROM (
                      pg_catalog.unnest(stats.most_common_vals::text::text[]),
                      pg_catalog.unnest(stats.most_common_freqs)
                  ) AS common (value, part)
            UNION ALL
           SELECT bound.value,
                  CASE WHEN stats.n_distinct > 0 THEN relation.reltuples / stats.n_distinct
                       ELSE 1 / greatest(-stats.n_distinct, 1e-9)
                  END
             FROM pg_catalog.unnest(stats.histogram_bounds::text::text[]) AS bound (value)
       ) AS one
 WHERE relation.oid = pg_catalog.to_regclass(%(table)s)
   AND stats.attname = %(column)s
   AND one.rows > %(least)s
 ORDER BY one.rows DESC
 LIMIT %(limit)s
"""

# Those of the logins whose statements just-in-time compilation may compile.
COMPILING = """
SELECT login.rolname::text
  FROM pg_catalog.pg_roles AS login
  JOIN pg_catalog.pg_settings AS parameter ON parameter.name = 'jit'
 WHERE login.rolname = ANY (%(logins)s)
   AND pg_catalog.pg_jit_available()
   AND coalesce(
           (SELECT pg_catalog.split_part(one.setting, '=', 2)
              FROM pg_catalog.pg_db_role_setting AS kept
              LEFT JOIN pg_catalog.pg_database AS database ON database.oid = kept.setdatabase
             CROSS JOIN LATERAL pg_catalog.unnest(kept.setconfig) AS one (setting)
             WHERE pg_catalog.starts_with(one.setting, 'jit=')
               AND kept.setrole IN (login.oid, 0)
               AND (database.oid IS NULL OR database.datname = pg_catalog.current_database())
             ORDER BY kept.setrole = 0, kept.setdatabase = 0
             LIMIT 1),
           parameter.reset_val
       )::boolean
"""

# What connections of these logins to this database begin with.
KEPT_PARAMETERS = """
SELECT login.rolname::text, coalesce(database.datname::text, ''),
       pg_catalog.split_part(one.setting, '=', 1),
       pg_catalog.substr(one.setting, pg_catalog.strpos(one.setting, '=') + 1)
  FROM pg_catalog.pg_db_role_setting AS kept
  JOIN pg_catalog.pg_roles AS login ON login.oid = kept.setrole
  LEFT JOIN pg_catalog.pg_database AS database ON database.oid = kept.setdatabase
 CROSS JOIN LATERAL pg_catalog.unnest(kept.setconfig) AS one (setting)
 WHERE login.rolname = ANY (%(logins)s)
   AND (database.oid IS NULL OR database.datname = pg_catalog.current_database())
 ORDER BY 1, 2, 3
"""
