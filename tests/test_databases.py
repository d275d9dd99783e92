"""
Several databases: a streaming standby, an independent one, routers, transactions on several.

Feature A16. Each test asks by the ORM or a raw cursor as the login, with ``using`` or a router.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import InternalError, connections, transaction
from django.test import Client, override_settings
from django.test.utils import setup_databases, teardown_databases

from rls_perms import as_system, as_tenant, as_user
from rls_perms.backends.postgresql import making
from rls_perms.exceptions import PermissionDenied, UnknownRole
from tests import bouncer, databases, deployments, people, standby
from tests.deployments import PASSWORD, Deployment, sync_pg_roles
from tests.office.models import Document, Room, Tenant, User
from tests.signed import unsigned_only
from tests.wire import round_trips

pytestmark = pytest.mark.slow

ALIASES = ["default", "replica", "archive"]
ALL = ("office.view_document", "office.add_document", "office.change_document")


@dataclass(frozen=True)
class Firm:
    """A project with a standby of its database, and an archive with roles of its own."""

    deployment: Deployment
    archive: Deployment
    host: str

    def caught_up(self) -> None:
        standby.catch_up(self.host)


@pytest.fixture(scope="module")
def firm() -> Iterator[Firm]:
    standby.need()
    with deployments.empty() as deployment, standby.streaming() as host:
        archive = Deployment(f"{deployment.name}_archive")
        databases.make(archive.name, PASSWORD)
        own = settings.DATABASES["default"]
        more = {
            "replica": {**own, "HOST": host},
            "archive": {**own, "NAME": archive.name, "USER": archive.web},
            "archive_owner": {**own, "NAME": archive.name, "USER": archive.boss},
            "beside": {**own},
        }
        try:
            with _aliases(more), override_settings(RLS_PERMS=_settings()):
                deployments.migrate()
                deployments.migrate(database="archive_owner")
                yield Firm(deployment, archive, host)
                connections.close_all()
        finally:
            databases.remove(archive.name)


def _settings() -> dict[str, object]:
    owners = {"default": "owner", "archive": "archive_owner"}
    return {**settings.RLS_PERMS, "DATABASES": ALIASES, "OWNER_DATABASE": owners}


@contextmanager
def _aliases(more: dict[str, dict[str, object]]) -> Iterator[None]:
    settings.DATABASES.update(more)
    try:
        yield
    finally:
        for alias in more:
            connections[alias].close()
            del connections[alias]
            del settings.DATABASES[alias]


@pytest.fixture(autouse=True)
def nobody(firm) -> Iterator[None]:
    """No user and no group, in no database."""
    for one, alias in ((firm.deployment, "owner"), (firm.archive, "archive_owner")):
        one.as_boss("TRUNCATE office_tenant, office_user, auth_group, office_room CASCADE")
        sync_pg_roles(database=alias)
    yield
    connections.close_all()


@pytest.fixture
def ann(firm) -> User:
    """A clerk, who sees the documents of their tenant."""
    clerks = people.group("Clerks", *ALL)
    acme, bolt = people.tenant("acme"), people.tenant("bolt")
    for tenant, title in ((acme, "acme 1"), (acme, "acme 2"), (bolt, "bolt 1")):
        people.make(Document(tenant=tenant, title=title))
    made = people.user("ann", tenant=acme, groups=[clerks])
    firm.caught_up()
    return made


def who(alias):
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT current_user::text")
        return cursor.fetchone()[0]


def seen(alias):
    """The titles by the ORM; by a raw cursor they must be the same."""
    titles = sorted(Document.objects.using(alias).values_list("title", flat=True))
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT title FROM office_document ORDER BY title")
        assert [title for (title,) in cursor.fetchall()] == titles
    return titles


# A standby


def test_a_standby_shows_the_rows_of_the_user(firm, ann):
    with as_user(ann):
        alone = seen("replica")
        with transaction.atomic("replica"):
            together = seen("replica"), who("replica")

    assert alone == ["acme 1", "acme 2"]
    assert together == (["acme 1", "acme 2"], firm.deployment.role("clerk"))
    assert who("replica") == firm.deployment.web


def test_a_standby_costs_the_messages_that_its_primary_does(firm, ann):
    with as_user(ann), round_trips("replica") as wire, transaction.atomic("replica"):
        list(Document.objects.using("replica"))

    assert wire.count == 2


def test_a_standby_is_closed_without_a_context(firm, ann):
    with pytest.raises(PermissionDenied, match="the login role, without a context"):
        seen("replica")


def test_framework_tables_of_a_standby_are_the_logins_in_a_context(firm, ann):
    with as_user(ann):
        found = Group.objects.using("replica").get().name, seen("replica")

    assert found == ("Clerks", ["acme 1", "acme 2"])


def test_contexts_nest_in_a_transaction_of_a_standby(firm, ann):
    bolt = Tenant.objects.using("owner").get(name="bolt")
    with as_user(ann), transaction.atomic("replica"):
        with as_tenant(bolt):
            inside = seen("replica")
        with as_system(reason="a test"):
            all_of_them = seen("replica")

        assert seen("replica") == ["acme 1", "acme 2"]
    assert inside == ["bolt 1"]
    assert all_of_them == ["acme 1", "acme 2", "bolt 1"]


def test_a_standby_refuses_what_writes(firm, ann):
    with as_user(ann), pytest.raises(InternalError, match="read-only transaction"):
        Document.objects.using("replica").create(tenant=ann.tenant, title="new")

    assert Document.objects.using("owner").count() == 3


def test_a_group_that_is_taken_away_counts_on_a_standby(firm, ann):
    ann.groups.through.objects.using("owner").filter(user=ann).delete()
    firm.caught_up()

    with as_user(ann):
        assert seen("replica") == []


@pytest.fixture
def newcomer(firm, ann) -> User:
    """A user with groups that nobody had together."""
    number = Group.objects.using("owner").count() + ann.pk
    groups = [people.group("Clerks"), people.group(f"New {number}")]
    made = people.user("newcomer", tenant=ann.tenant, groups=groups)
    firm.caught_up()
    return made


def test_a_role_that_nobody_had_is_made_on_the_primary(firm, newcomer):
    before = firm.deployment.roles()
    with as_user(newcomer):
        alone = seen("replica")

    (made,) = firm.deployment.roles() - before
    assert alone == ["acme 1", "acme 2"]
    assert made.startswith("clerk_new")


def test_a_role_that_nobody_had_is_made_before_a_transaction_of_a_standby(firm, newcomer):
    with as_user(newcomer), transaction.atomic("replica"):
        assert seen("replica") == ["acme 1", "acme 2"]


def test_an_open_transaction_of_a_standby_says_that_it_cannot_have_a_new_role(firm, ann, newcomer):
    with as_user(ann), transaction.atomic("replica"):
        seen("replica")
        with (
            pytest.raises(UnknownRole, match=r"read only\. Enter the context before"),
            transaction.atomic("replica"),
            as_user(newcomer),
        ):
            seen("replica")


def test_a_standby_that_is_far_behind_is_an_error_and_shows_nothing(firm, newcomer, monkeypatch):
    monkeypatch.setattr(making, "SECONDS_BEHIND", 0.3)
    with (
        standby.paused(firm.host),
        as_user(newcomer),
        pytest.raises(UnknownRole, match="made on DATABASES\\['default'\\]") as raised,
    ):
        seen("replica")
    firm.caught_up()

    assert "has not got it after 0.3 s" in str(raised.value)
    with as_user(newcomer):
        assert seen("replica") == ["acme 1", "acme 2"]


def test_a_standby_without_a_primary_that_is_known_is_an_error(firm, newcomer):
    conf = {**_settings(), "DATABASES": ["replica"], "OWNER_DATABASE": "owner"}
    with (
        override_settings(RLS_PERMS=conf),
        as_user(newcomer),
        pytest.raises(UnknownRole, match="is a standby, on which none can be made"),
    ):
        seen("replica")


@unsigned_only  # signed, it has to be called what PostgreSQL calls it: tests/test_signed.py
def test_the_primary_of_a_standby_is_the_one_that_it_mirrors(firm, newcomer, monkeypatch):
    bouncer.need()
    replica = connections["replica"].settings_dict
    own = {"name": "acme_read", "host": firm.host}
    # Behind a pooler, a standby's database may be called otherwise.
    with bouncer.pooling(firm.deployment.name, firm.deployment.web, **own) as at:
        for key in at:
            monkeypatch.setitem(replica, key, at[key])
        with as_user(newcomer), pytest.raises(UnknownRole, match="in DATABASES") as raised:
            seen("replica")
        monkeypatch.setitem(replica, "TEST", {"MIRROR": "default"})
        with as_user(newcomer):
            found = seen("replica")
        connections["replica"].close()

    assert "['TEST']['MIRROR']" in str(raised.value)
    assert found == ["acme 1", "acme 2"]


def test_sync_leaves_a_standby_alone(firm, ann):
    said = sync_pg_roles(database="replica")
    checked = sync_pg_roles(database="replica", check=True, json=True)

    assert (said.status, said.out) == (0, "Nothing to do.\n")
    assert said.err == ("Warning: DATABASES['replica'] is a standby. Sync its primary.\n")
    assert checked.status == 0
    assert json.loads(checked.out)["changes"] == []


def test_migrate_leaves_a_standby_alone(firm):
    before = firm.deployment.snapshot()

    call_command("migrate", database="replica", verbosity=0)

    assert firm.deployment.snapshot() == before


# An independent database


@pytest.fixture
def archived(firm, ann) -> User:
    """Ann again in the archive, in a group of another name, with other rows."""
    Tenant.objects.using("archive_owner").create(pk=ann.tenant_id, name="acme")
    Document(tenant_id=ann.tenant_id, title="old").save(using="archive_owner")
    group = Group.objects.using("archive_owner").create(name="Readers")
    permission = group.permissions.model.objects.using("archive_owner").get(
        codename="view_document"
    )
    group.permissions.through(group=group, permission=permission).save(using="archive_owner")
    User(pk=ann.pk, username="ann", tenant_id=ann.tenant_id).save(using="archive_owner")
    User.groups.through(user_id=ann.pk, group=group).save(using="archive_owner")
    return ann


def test_each_database_decides_for_itself_in_one_context(firm, archived):
    with as_user(archived):
        alone = {alias: (who(alias), seen(alias)) for alias in ("default", "archive")}
        with transaction.atomic("default"), transaction.atomic("archive"):
            together = {alias: (who(alias), seen(alias)) for alias in ("default", "archive")}

    assert alone == together
    assert alone == {
        "default": (firm.deployment.role("clerk"), ["acme 1", "acme 2"]),
        "archive": (firm.archive.role("readers"), ["old"]),
    }


def test_a_user_whom_a_database_does_not_know_is_nobody_there(firm, ann):
    with as_user(ann):
        assert who("archive") == firm.archive.role("anonymous")
        assert seen("archive") == []


def test_a_rollback_on_one_database_leaves_the_other_as_it_is(firm, archived):
    with as_user(archived), transaction.atomic("archive"):
        seen("archive")
        with transaction.atomic("default"):
            Room.objects.create(name="gone")
            transaction.set_rollback(True, "default")

        assert who("archive") == firm.archive.role("readers")
        assert seen("archive") == ["old"]
        assert seen("default") == ["acme 1", "acme 2"]
    assert not Room.objects.using("owner").exists()


def test_an_alias_that_is_opened_late_runs_as_the_context(firm, archived):
    with as_user(archived), transaction.atomic("default"):
        seen("default")
        for alias in ("archive", "replica"):
            connections[alias].close()

        assert (seen("archive"), seen("replica")) == (["old"], ["acme 1", "acme 2"])
    with pytest.raises(PermissionDenied):
        seen("archive")


def test_an_alias_that_is_not_under_our_care_is_the_bare_login_in_any_context(firm, ann):
    with as_user(ann), pytest.raises(PermissionDenied, match="permission denied"):
        seen("beside")


def test_the_roles_of_two_databases_are_two_sets(firm, archived):
    mine, theirs = firm.deployment.roles(), firm.archive.roles()
    members = firm.deployment.rows(
        "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = %s::regrole",
        firm.archive.web,
    )

    assert "readers" in theirs
    assert "readers" not in mine
    assert all(name.startswith(firm.archive.name) for (name,) in members)
    assert sync_pg_roles(database="owner", check=True).status == 0
    assert sync_pg_roles(database="archive_owner", check=True).status == 0


def test_a_login_may_not_become_the_roles_of_another_database(firm, archived):
    with (
        pytest.raises(PermissionDenied, match="permission denied to set role"),
        connections["default"].cursor() as cursor,
    ):
        cursor.execute(f"SET ROLE {firm.archive.role('readers')}")


def test_a_change_of_groups_counts_in_its_own_database(firm, archived):
    readers = Group.objects.using("archive_owner").get()
    readers.permissions.through.objects.using("archive_owner").all().delete()

    with as_user(archived):
        with pytest.raises(PermissionDenied):
            Document.objects.using("archive").create(tenant_id=archived.tenant_id, title="x")
        assert seen("archive") == []
        assert seen("default") == ["acme 1", "acme 2"]


def test_without_an_owner_of_its_own_an_alias_is_told_whom_to_name(firm):
    said = sync_pg_roles(database="archive")

    assert said.status == 1
    assert "--database archive_owner" in said.err


# Routers and requests


class Split:
    """Reads go to the standby, writes to the primary."""

    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"

    def allow_relation(self, one, other, **hints):
        return True


def test_a_router_that_splits_reads_and_writes_keeps_the_user_on_both(firm, ann):
    with override_settings(DATABASE_ROUTERS=[Split()]), as_user(ann):
        Document.objects.create(tenant_id=ann.tenant_id, title="acme 3")
        firm.caught_up()
        found = sorted(one.title for one in Document.objects.all())
        one = Document.objects.get(title="acme 3")
        one.title = "acme 4"
        one.save()

    assert found == ["acme 1", "acme 2", "acme 3"]
    assert one._state.db == "default"
    assert Document.objects.using("owner").filter(title="acme 4").count() == 1


def test_a_router_does_not_bring_rows_of_another_tenant(firm, ann):
    with override_settings(DATABASE_ROUTERS=[Split()]), as_user(ann):
        changed = Document.objects.filter(title="bolt 1").update(title="taken")
        read = Document.objects.filter(title="bolt 1").exists()

    assert (changed, read) == (0, False)


def test_a_request_reads_from_the_standby_as_its_user(firm, ann):
    client = Client()
    client.force_login(ann)
    firm.caught_up()

    with override_settings(DATABASE_ROUTERS=[Split()]):
        answer = client.get("/documents/")

    assert answer.json() == {"titles": ["acme 1", "acme 2"]}


@pytest.mark.parametrize("atomic", [("default",), ("replica",), ("default", "replica", "archive")])
def test_requests_that_are_transactions_on_some_databases_run_as_their_user(
    firm, ann, monkeypatch, atomic
):
    for alias in atomic:
        monkeypatch.setitem(connections[alias].settings_dict, "ATOMIC_REQUESTS", True)
    client = Client()
    client.force_login(ann)
    firm.caught_up()

    with override_settings(DATABASE_ROUTERS=[Split()]):
        read = client.get("/documents/").json()
        raw = client.post("/raw/", {"query": "SELECT title FROM office_document ORDER BY 1"}).json()

    assert read == {"titles": ["acme 1", "acme 2"]}
    assert raw == {"rows": [["acme 1"], ["acme 2"]]}
    assert who("default") == firm.deployment.web
    assert who("replica") == firm.deployment.web


@pytest.fixture
def as_deployed(firm) -> Iterator[None]:
    """What the test runner changes in the settings of aliases is put back."""
    connections.close_all()
    before = {alias: dict(one) for alias, one in settings.DATABASES.items()}
    mirror = {**settings.DATABASES["replica"]["TEST"], "MIRROR": "default"}
    settings.DATABASES["replica"]["TEST"] = mirror
    yield
    connections.close_all()
    for alias, one in before.items():
        settings.DATABASES[alias].clear()
        settings.DATABASES[alias].update(one)


def test_test_databases_are_made_by_the_owner_of_each(firm, as_deployed):
    aliases = {"default", "replica", "archive", "owner", "archive_owner"}
    made = setup_databases(0, False, aliases=aliases)
    try:
        owners = [who(alias) for alias in ("default", "replica", "archive")]
        tenant = Tenant.objects.using("archive").create(name="acme")
        user = User.objects.using("archive").create(username="ann", tenant=tenant)
        Document.objects.using("archive").create(tenant=tenant, title="new", owner=user)
        with as_user(user):
            found = who("archive"), seen("archive"), who("default"), seen("default")
    finally:
        teardown_databases(made, 0)

    mine, theirs = f"test_{firm.deployment.name}", f"test_{firm.archive.name}"
    assert owners == [f"{mine}_owner", f"{mine}_owner", f"{theirs}_owner"]
    assert found == (f"{theirs}_everyone", ["new"], f"{mine}_anonymous", [])
