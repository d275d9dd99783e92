"""Live triggers find groups, users and permissions wherever the user model keeps them."""

import pytest

from tests import deployments
from tests.test_live import holds

MODELS = {"guild.Member": "Guild", "guild.Brother": "Chapter"}

#: What an application does, as the login; then a sync has nothing to do.
WORKING = """
import io
import django; django.setup()
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import connection
from rls_perms import as_user
from rls_perms.exceptions import NamedGroup, PermissionDenied

User = get_user_model()
Group = User._meta.get_field("groups").related_model

def allowed(user, command):
    with as_user(user), connection.cursor() as cursor:
        try:
            cursor.execute(command)
        except PermissionDenied:
            return False
        return True

def clean():
    out = io.StringIO()
    call_command("sync_pg_roles", check=True, stdout=out, stderr=io.StringIO())
    return out.getvalue()

def permission(name):
    return Permission.objects.get(content_type__app_label="guild", codename=name)

user = User.objects.create(name="one")
group = Group.objects.create(name="Smiths")
user.groups.add(group)
assert not allowed(user, "SELECT FROM guild_work")
group.permissions.add(permission("view_work"), permission("delete_work"))
assert allowed(user, "SELECT FROM guild_work")
assert allowed(user, "DELETE FROM guild_work")
clean()
Group.objects.filter(pk=group.pk).update(name="Masters")
assert allowed(user, "DELETE FROM guild_work")
clean()
try:
    Group.objects.filter(pk=group.pk).update(name="Others")
except NamedGroup as error:
    print(error)
group.permissions.clear()
assert not allowed(user, "SELECT FROM guild_work")
if hasattr(user, "user_permissions"):
    user.user_permissions.add(permission("view_work"))
    assert allowed(user, "SELECT FROM guild_work")
    user.user_permissions.clear()
    assert not allowed(user, "SELECT FROM guild_work")
clean()
other = Group.objects.create(name="Weavers")
other.permissions.add(permission("view_work"))
user.groups.set([group, other])
assert allowed(user, "SELECT FROM guild_work")
Group.objects.get(pk=other.pk).delete()
assert not allowed(user, "SELECT FROM guild_work")
Group.objects.all().delete()
print("done", clean())
"""


@pytest.mark.parametrize(
    "model", ["guild.Member", pytest.param("guild.Brother", marks=pytest.mark.slow)]
)
def test_a_project_with_models_of_its_own(model):
    environment = {"DJANGO_SETTINGS_MODULE": "tests.guild.settings", "GUILD_USER": model}
    with deployments.empty() as made:
        migrated = made.manage("migrate", "--database=owner", **environment)
        assert migrated.returncode == 0, migrated.stderr
        ended = made.python("-c", WORKING, **environment)

        assert ended.returncode == 0, ended.stderr
        assert "the group 'Masters' cannot be renamed to 'Others'" in ended.stdout
        assert ended.stdout.endswith("done Nothing to do.\n\n")
        assert not holds(made, "master", table="guild_work")
