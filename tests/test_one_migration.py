"""What happens within one migration: tables that are closed, names that change, failures."""

import shutil
import sys
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connections, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration
from django.db.models import Q
from django.test import override_settings
from guardian.models import UserObjectPermission

from rls_perms import Policy, RowSecurity
from rls_perms.management.commands.migrate import Command
from tests import people
from tests.deployments import ROOT, sync_pg_roles
from tests.office.models import Document

OF_SHORT = RowSecurity(name="short", policies=[Policy("short", using=Q(title__startswith="s"))])
OF_BOOK = RowSecurity(name="pages", policies=[Policy("of", using=Q(book__title="shown"))])
KEY = ("id", models.BigAutoField(primary_key=True))
BOOK = migrations.CreateModel(
    "Book", [KEY, ("title", models.CharField(max_length=9))], options={"constraints": [OF_SHORT]}
)
PAGE = migrations.CreateModel(
    "Page", [KEY, ("book", models.ForeignKey("office.Book", models.CASCADE))]
)
POLICIES = """
SELECT tablename::text, qual FROM pg_policies
 WHERE tablename ~ '^office_(book|page|volume)' AND cmd = 'SELECT' AND policyname ~ '^(short|of)'
"""


@pytest.fixture
def apply(deployment):
    """Apply one migration of these operations, as migrate does; its tables go afterwards."""

    def apply(*operations, state=None):
        migration = Migration("0099_one", "office")
        migration.operations = list(operations)
        state = state or MigrationLoader(None).project_state()
        # So that operations change what is rendered, as they do where migrate is run.
        assert state.apps
        with connections["owner"].schema_editor() as editor:
            return migration.apply(state, editor)

    yield apply
    for name in ("page", "volume", "book"):
        deployment.as_boss(f"DROP TABLE IF EXISTS office_{name} CASCADE")


def policies(deployment):
    return dict(deployment.rows(POLICIES))


def test_a_table_that_is_renamed_where_it_is_made_has_its_policies(deployment, apply):
    apply(
        BOOK, PAGE, migrations.AddConstraint("Page", OF_BOOK),
        migrations.RenameModel("Book", "Volume"),
    )  # fmt: skip
    found = policies(deployment)

    assert found.keys() == {"office_volume", "office_page"}
    assert "office_volume" in found["office_page"]


def test_what_reads_a_table_of_the_same_migration_finds_its_last_name(deployment, apply):
    page = migrations.CreateModel(PAGE.name, PAGE.fields, options={"constraints": [OF_BOOK]})
    apply(BOOK, page, migrations.RenameModel("Book", "Volume"))
    found = policies(deployment)

    assert found.keys() == {"office_volume", "office_page"}
    assert "office_volume" in found["office_page"]


def test_a_renamed_field_of_the_same_migration_has_the_last_declaration(deployment, apply):
    later = RowSecurity(name="short", policies=[Policy("short", using=Q(name__startswith="s"))])
    apply(
        BOOK,
        migrations.RemoveConstraint("Book", "short"),
        migrations.RenameField("Book", "title", "name"),
        migrations.AddConstraint("Book", later),
    )

    assert "name" in policies(deployment)["office_book"]


def test_a_declaration_that_is_removed_where_it_was_made_leaves_nothing(deployment, apply):
    apply(BOOK, migrations.RemoveConstraint("Book", "short"))

    assert policies(deployment) == {}


def test_a_table_that_is_dropped_where_it_was_made_leaves_nothing(deployment, apply):
    apply(BOOK, migrations.DeleteModel("Book"))

    assert deployment.value("SELECT to_regclass('office_book')") is None


# A table without policies


def test_the_owner_sees_all_rows_of_a_table_whose_policies_are_gone(deployment, apply):
    counted = []

    def count(apps, editor):
        counted.append(apps.get_model("office", "Book").objects.using("owner").count())

    def fill(apps, editor):
        book = apps.get_model("office", "Book")
        book.objects.using("owner").bulk_create(book(title=one) for one in ("a", "b", "s"))

    apply(
        BOOK,
        migrations.RunPython(fill),
        migrations.RemoveConstraint("Book", "short"),
        migrations.RunPython(count),
        migrations.AddConstraint("Book", OF_SHORT),
        migrations.RunPython(count),
        migrations.RemoveConstraint("Book", "short"),
    )
    by_web = deployment.rows(
        "SELECT has_table_privilege('office_book', 'SELECT'), relrowsecurity FROM pg_class"
        " WHERE oid = 'office_book'::regclass",
        user=deployment.web,
    )

    assert counted == [3, 3]
    assert deployment.as_boss("SELECT count(*) FROM office_book") == [(3,)]
    assert by_web == [(False, True)]


def test_a_new_foreign_key_of_a_table_whose_policies_are_gone_is_checked(deployment, apply):
    def fill(apps, editor):
        book, page = (apps.get_model("office", one) for one in ("Book", "Page"))
        page.objects.using("owner").create(book=book.objects.using("owner").create(title="s"))

    to_volume = models.ForeignKey("office.Volume", models.CASCADE)
    state = apply(BOOK, migrations.CreateModel("Volume", [KEY]), PAGE)
    state = apply(
        migrations.AddConstraint("Page", OF_BOOK), migrations.RunPython(fill), state=state
    )

    with pytest.raises(IntegrityError, match="violates foreign key constraint"):
        apply(
            migrations.RemoveConstraint("Page", "pages"),
            migrations.AlterField("Page", "book", to_volume),
            state=state,
        )


# A migrate that fails


BOOM = """\
from django.db import migrations

from tests.test_one_migration import looks


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("office", "{last}")]
    operations = [migrations.RunSQL("{sql}"), migrations.RunPython(looks)]
"""


@pytest.fixture
def failing(tmp_path, monkeypatch):
    """Run migrate with a last migration that says some SQL, looks, and fails; what it printed."""
    monkeypatch.syspath_prepend(tmp_path)

    def failing(sql):
        folder = tmp_path / "failing"
        shutil.copytree(ROOT / "tests" / "office" / "migrations", folder)
        last = max(one.stem for one in folder.glob("0*.py"))
        (folder / "0099_boom.py").write_text(BOOM.format(last=last, sql=sql))
        err = StringIO()
        with (
            override_settings(MIGRATION_MODULES={"office": "failing"}),
            pytest.raises(RuntimeError, match="boom"),
        ):
            call_command("migrate", "office", database="owner", verbosity=0, stderr=err)
        for name in [one for one in sys.modules if one.partition(".")[0] == "failing"]:
            del sys.modules[name]
        return err.getvalue()

    return failing


LOOKED = []


def looks(apps, editor):
    LOOKED.append(people.seen(LOOKED[0], Document, LOOKED[0].tenant))
    raise RuntimeError("boom")


def test_grants_hold_while_migrate_runs_and_after_it_failed(deployment, failing):
    tenant = people.tenant()
    guest = people.user("guest", tenant=tenant)
    row = people.make(Document(tenant=tenant, title="one"))
    view = people.permission("office.view_document")
    UserObjectPermission.objects.using("owner").create(
        user=guest, permission=view, content_type=view.content_type, object_pk=str(row.pk)
    )
    sync_pg_roles()
    LOOKED[:] = [guest]
    said = failing("SELECT 1")

    assert said == ""
    assert LOOKED[1:] == [{row.pk}]
    assert people.seen(guest, Document, tenant) == {row.pk}


def test_a_migrate_that_fails_says_what_its_sync_would_have_done(deployment, failing):
    LOOKED[:] = [people.user("other")]
    said = failing("GRANT SELECT ON office_ticket TO PUBLIC")
    done = sync_pg_roles()

    assert said.startswith("Warning: migrate ended before its sync, which has one change to make:")
    assert "Run sync_pg_roles --plan to see them, and sync_pg_roles to make them." in said
    assert "revoke SELECT on table public.office_ticket from public" in done.out


def test_a_migrate_that_fails_on_another_engine_is_told_nothing(deployment, monkeypatch):
    deployment.as_boss("GRANT SELECT ON office_ticket TO PUBLIC")
    said = {}
    for vendor in ("postgresql", "sqlite"):
        err = StringIO()
        monkeypatch.setattr(connections["owner"], "vendor", vendor)
        Command(stderr=err)._say_what_is_left("owner")
        said[vendor] = err.getvalue()
    monkeypatch.undo()
    sync_pg_roles()

    assert "one change to make" in said["postgresql"]
    assert said["sqlite"] == ""
