"""One stage of a change, in a process of its own: python steps.py FUNCTION ARGUMENT..."""

import builtins
import io
import json
import os
import sys
import warnings
from contextlib import contextmanager, redirect_stdout

os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
warnings.simplefilter("ignore")

import django  # noqa: E402

django.setup()

import psycopg  # noqa: E402
from django.apps import apps  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.management.commands import makemigrations as stock  # noqa: E402
from django.db import connections  # noqa: E402
from django.db.migrations.executor import MigrationExecutor  # noqa: E402
from psycopg import sql  # noqa: E402

OURS = ("people", "catalog", "work", "moved")
TABLES = """
SELECT relname FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
   AND relname ~ '^(work|moved|catalog)_'
 ORDER BY 1
"""
TITLES = """
SELECT coalesce(found ->> 'title', found ->> 'name', 'task ' || (found ->> 'task_id'))
  FROM {} AS one, to_jsonb(one) AS found
"""
POLICIES = """
SELECT tablename::text, policyname::text, permissive, roles::text[], cmd, qual, with_check,
       -- Without the seal, which depends on the names of roles; a sync says whether it holds.
       split_part(obj_description(pg_policy.oid, 'pg_policy'), E'\\nsealed ', 1)
  FROM pg_policies
  JOIN pg_policy ON polname = policyname AND polrelid = tablename::regclass
 ORDER BY 1, 2
"""
PARTS = """
SELECT proname::text FROM pg_proc
 WHERE pronamespace = 'rls_perms'::regnamespace AND starts_with(proname, 'new_row_')
 UNION ALL
SELECT relname::text FROM pg_class
 WHERE relnamespace = 'rls_perms'::regnamespace AND relkind = 'v'
 UNION ALL
SELECT tgrelid::regclass::text || ' ' || tgname || ' ' || tgfoid::regproc
  FROM pg_trigger WHERE NOT tgisinternal
 UNION ALL
SELECT target::text || ' laid aside ' || name FROM rls_perms.laid_aside
 ORDER BY 1
"""


def login():
    one = settings.DATABASES["default"]
    return psycopg.connect(
        dbname=one["NAME"], user=one["USER"], password=one["PASSWORD"], autocommit=True
    )


def seen(connection, patience="5s"):
    """
    The titles or names that the clerk sees by raw SQL in any table; of links, their tasks.

    None for a table that is closed; without one that another transaction keeps locked.
    """
    found = {}
    connection.execute("SELECT set_config('lock_timeout', %s, false)", [patience])
    for (table,) in connection.execute(TABLES).fetchall():
        try:
            with connection.transaction():
                connection.execute(
                    "SELECT set_config('role', (SELECT role FROM"
                    " rls_perms.session_role('1001', NULL)), true),"
                    " set_config('rls_perms.user_id', '1001', true),"
                    " set_config('rls_perms.tenant_id', '1', true)"
                )
                rows = connection.execute(sql.SQL(TITLES).format(sql.Identifier(table))).fetchall()
        except psycopg.errors.LockNotAvailable:
            continue
        except psycopg.errors.InsufficientPrivilege:
            found[table] = None
        except psycopg.Error as error:
            found[table] = f"{type(error).__name__}: {error}"
        else:
            found[table] = sorted({title for (title,) in rows if title})
    return found


@contextmanager
def watched(moments):
    """Note what the clerk sees after each statement of the owner's, from another connection."""
    with login() as other:

        def note(execute, statement, params, many, context):
            result = execute(statement, params, many, context)
            if statement.startswith("SELECT rls_perms.") or not statement.lstrip().startswith(
                ("SELECT", "SHOW", "SAVEPOINT", "RELEASE")
            ):
                moments.append(seen(other, "2ms"))
            return result

        with connections["owner"].execute_wrapper(note):
            yield
        moments.append(seen(other))


def permit():
    """Clerks hold every permission on these apps, and roles follow."""
    from django.contrib.auth.models import Group, Permission, User  # noqa: F401

    group, _ = Group.objects.using("owner").get_or_create(name="Clerks")
    group.permissions.set(
        Permission.objects.using("owner").filter(content_type__app_label__in=OURS)
    )
    user = apps.get_model(settings.AUTH_USER_MODEL)._base_manager.using("owner").get(pk=1001)
    user.groups.add(group)
    call_command("sync_pg_roles", stdout=io.StringIO(), stderr=io.StringIO())


def grant():
    """The third task is granted to the clerk."""
    from django.contrib.auth.models import Permission
    from guardian.models import UserObjectPermission

    view = Permission.objects.using("owner").get(codename="view_task")
    UserObjectPermission.objects.using("owner").create(
        user_id=1001, permission=view, content_type=view.content_type, object_pk="3"
    )


def state():
    """What the database holds, to be compared; names of roles without their prefix."""
    prefix = settings.NAME
    with connections["owner"].cursor() as cursor:
        cursor.execute(POLICIES)
        policies = json.loads(json.dumps(cursor.fetchall(), default=str).replace(prefix, "P"))
        cursor.execute(PARTS)
        parts = [name for (name,) in cursor.fetchall()]
    pending = io.StringIO()
    try:
        call_command("sync_pg_roles", check=True, stdout=pending, stderr=io.StringIO())
    except SystemExit:
        pass
    except Exception as error:  # it is reported
        pending.write(f"{type(error).__name__}: {error}")
    with login() as connection:
        rows = seen(connection)
    return {"policies": policies, "parts": parts, "pending": pending.getvalue(), "seen": rows}


def migrate_step_by_step(targets, *, back=False):
    """Migrate, one migration at a time; what the clerk sees after each statement."""
    moments = []
    executor = MigrationExecutor(connections["owner"])
    plan = executor.migration_plan(targets)
    with watched(moments):
        for migration, backwards in plan:
            target = (migration.app_label, migration.name)
            if backwards:
                before = [
                    one.key
                    for one in MigrationExecutor(connections["owner"])
                    .loader.graph.node_map[target]
                    .parents
                    if one.key[0] == migration.app_label
                ]
                name = before[0][1] if before else "zero"
            else:
                name = migration.name
            call_command("migrate", migration.app_label, name, database="owner", verbosity=0)
    return moments, [str(one) for one, _ in plan]


def leaves():
    graph = MigrationExecutor(connections["owner"]).loader.graph
    return graph.leaf_nodes()


# The stages


def begin():
    """From nothing to the first state, with rows."""
    call_command("makemigrations", "people", "catalog", "work", verbosity=0)
    call_command("migrate", database="owner", verbosity=0)
    with open("rows.sql") as rows, connections["owner"].cursor() as cursor:
        cursor.execute(rows.read())
    grant()
    permit()
    return state()


def forward(make):
    """Write migrations if asked to, and migrate to the newest."""
    if make == "make":
        builtins.input = lambda *_: "y"
        with redirect_stdout(io.StringIO()):
            call_command("makemigrations", verbosity=0)
    checks = {}
    for name, command in (("ours", "makemigrations"), ("stock", stock.Command())):
        said = io.StringIO()
        try:
            call_command(command, check=True, dry_run=True, stdout=said, stderr=said)
        except SystemExit as ended:
            said.write(f"exit status {ended.code}")
        checks[name] = said.getvalue()
    plan = io.StringIO()
    call_command("migrate", plan=True, database="owner", stdout=plan)
    text = io.StringIO()
    for migration, _ in MigrationExecutor(connections["owner"]).migration_plan(leaves()):
        call_command(
            "sqlmigrate", migration.app_label, migration.name, database="owner", stdout=text
        )
    moments, migrations = migrate_step_by_step(leaves())
    permit()
    return {
        "checks": checks, "plan": plan.getvalue(), "sql": text.getvalue(),
        "moments": moments, "migrations": migrations, **state(),
    }  # fmt: skip


def backward(targets):
    moments, migrations = migrate_step_by_step(
        [tuple(one) for one in json.loads(targets)], back=True
    )
    return {"moments": moments, "migrations": migrations}


def again():
    """The state as it is with these models, synced."""
    call_command("migrate", database="owner", verbosity=0)
    permit()
    return state()


def look():
    """The state as it is."""
    return state()


def fresh():
    """From zero to the newest at once, and back to zero."""
    call_command("migrate", database="owner", verbosity=0)
    found = state()
    call_command("migrate", "people", "zero", database="owner", verbosity=0)
    return found


def run(*arguments):
    """A command as manage.py runs it."""
    builtins.input = lambda *_: "y"
    call_command(*arguments)


if __name__ == "__main__":
    result = globals()[sys.argv[1]](*sys.argv[2:])
    print("RESULT " + json.dumps(result, default=str))
