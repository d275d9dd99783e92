"""Users, groups and grants for tests, made by the owner; and what they see by raw SQL."""

import io

from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.core.management import call_command
from django.db import connection, connections

from rls_perms import SELECT, Policy, as_user
from rls_perms.statements.changes import script
from rls_perms.sync import plan
from tests.office.models import Tenant, User

OWNER = "owner"


def tenant(name="acme"):
    return Tenant.objects.using(OWNER).create(name=name)


def user(name, *, tenant=None, groups=(), permissions=(), **fields):
    """A saved user; *permissions* are app_label.codename, held directly."""
    made = User(username=name, tenant=tenant, **fields)
    made.set_password("secret")
    made.save(using=OWNER)
    for one in groups:
        made.groups.through.objects.using(OWNER).create(user=made, group=one)
    for name_ in permissions:
        made.user_permissions.through.objects.using(OWNER).create(
            user=made, permission=permission(name_)
        )
    made._state.db = "default"
    return made


def group(name, *permissions):
    made, _ = Group.objects.using(OWNER).get_or_create(name=name)
    found = {
        f"{one.content_type.app_label}.{one.codename}": one
        for one in Permission.objects.using(OWNER)
        .filter(codename__in=[name.partition(".")[2] for name in permissions])
        .select_related("content_type")
    }
    Group.permissions.through.objects.using(OWNER).bulk_create(
        Group.permissions.through(group=made, permission=found[name]) for name in permissions
    )
    return made


def permission(name):
    app_label, _, codename = name.partition(".")
    return Permission.objects.using(OWNER).get(content_type__app_label=app_label, codename=codename)


def sync():
    """What sync_pg_roles does, with one plan and one message: hundreds of tests begin so."""
    owner = connections[OWNER]
    changes = plan(owner).plan
    if changes:
        with owner.cursor() as cursor:
            cursor.execute(script(changes, owner.pg_version))


def make(instance):
    """Save *instance* as the owner."""
    instance.save(using=OWNER)
    instance._state.db = "default"
    return instance


def seen(asker, model, tenant=None):
    """The keys that *asker* sees of *model*, by a raw cursor."""
    with as_user(asker, tenant=tenant), connection.cursor() as cursor:
        cursor.execute(f'SELECT "{model._meta.pk.column}" FROM {model._meta.db_table}')
        return {row[0] for row in cursor.fetchall()}


NOBODY = AnonymousUser()


def role(short):
    """The full name of a role of the project."""
    with owner_cursor() as cursor:
        cursor.execute("SELECT rls_perms.named_role(%s)", [short])
        return cursor.fetchone()[0]


def policy(name, **options):
    """A policy for SELECT that asks for no permission."""
    return Policy(name, **{"command": SELECT, "permission_required": False, **options})


def owner_cursor():
    """A raw cursor of the owner."""
    return connections[OWNER].cursor()


def nothing_to_do():
    """Raise CommandError if a sync would change anything."""
    call_command("sync_pg_roles", check=True, stdout=io.StringIO(), stderr=io.StringIO())
