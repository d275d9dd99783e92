"""A mistake in a declaration ends the command with its name, and leaves nothing half done."""

import pytest

from tests import deployments, variants
from tests.deployments import ROOT

MODELS = """
from django.db import models
from django.db.models import Count, OuterRef, Q
from django.db.models.expressions import RawSQL

from rls_perms import *


class Series(models.Model):
    pass


class Book(models.Model):
    owner = models.ForeignKey("office.User", models.CASCADE, related_name="+")
    series = models.ForeignKey(Series, models.CASCADE, related_name="books")
    number = models.IntegerField()

    class Meta:
        constraints = [RowSecurity(policies=[Policy("one", using={})])]
"""
RIGHT = "Q(number=1)"
#: The condition, and what the message names.
WRONG = {
    "an unknown field": ("Q(ownr=CurrentUser())", "'ownr'"),
    "an unknown field of a relation": ("Q(series__titel='x')", "'titel'"),
    "a value of another type": ("Q(number='north')", "'number'"),
    "a setting of another type": (
        "Q(number=Setting('zone', output_field=models.TextField()))",
        "'number'",
    ),
    "an aggregate": ("Q(number__lt=Count('series__books'))", "series__books"),
    "a way back": ("Q(series__books__number=1)", "'series' and 'books'"),
    "a subquery on itself": ("Q(Exists('shelf.Book', Q(owner=OuterRef('owner'))))", "shelf.Book"),
    "two of one name": ("Q()), Policy('one', using=Q()", "'one "),
}


class Project:
    """The tests' project with an app of a test's own, in a folder."""

    def __init__(self, folder, deployment):
        self.folder = folder
        self.deployment = deployment
        self.write("shelf/__init__.py", "")
        self.write("shelf/migrations/__init__.py", "")
        self.write(
            "shelf_settings.py",
            "from tests.settings import *\nINSTALLED_APPS = [*INSTALLED_APPS, 'shelf']\n",
        )

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def declare(self, condition):
        self.write("shelf/models.py", MODELS.replace("{}", condition))

    def manage(self, *arguments):
        """A command, in a process of its own."""
        return self.deployment.manage(
            *arguments,
            DJANGO_SETTINGS_MODULE="shelf_settings",
            PYTHONPATH=f"{self.folder}:{ROOT}",
            PYTHONDONTWRITEBYTECODE="1",
        )

    @property
    def migrations(self):
        return sorted(path.name for path in (self.folder / "shelf" / "migrations").glob("0*.py"))


@pytest.fixture
def project(tmp_path):
    """Without a database: no check asks for one."""
    return Project(tmp_path, deployments.Deployment(f"rls_nowhere_{tmp_path.name[-1]}"))


@pytest.mark.parametrize("wrong", variants.cases(WRONG, plain={"an unknown field"}))
def test_makemigrations_names_the_mistake_and_writes_no_file(project, wrong):
    condition, named = wrong
    project.declare(condition)
    done = project.manage("makemigrations", "shelf")

    assert done.returncode == 1
    assert "(rls_perms.E002) The row security of shelf.Book cannot be written" in done.stderr
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert (done.stdout, project.migrations) == ("", [])


# What only PostgreSQL knows

TYPO = "Q(RawSQL('numbr = 1', (), output_field=models.BooleanField()))"
SECOND = """
from django.db import migrations, models
from django.db.models import Q
from django.db.models.expressions import RawSQL

from rls_perms import *


class Migration(migrations.Migration):
    dependencies = [("shelf", "0001_initial")]
    atomic = ATOMIC
    operations = [
        migrations.RemoveConstraint("book", "shelf_book_rls"),
        migrations.AddConstraint(
            "book", RowSecurity(name="shelf_book_rls", policies=[Policy("one", using=USING)])
        ),
    ]
"""


@pytest.fixture
def deployed(tmp_path):
    """The project with a right declaration, migrated."""
    with deployments.empty() as deployment:
        project = Project(tmp_path, deployment)
        project.declare(RIGHT)
        for command in (["makemigrations", "shelf"], ["migrate", "--database", "owner"]):
            done = project.manage(*command)
            assert done.returncode == 0, done.stderr
        assert project.migrations == ["0001_initial.py"]
        yield project


def second(project, condition, *, atomic):
    """A migration from the right declaration to *condition*, and how it ends."""
    project.declare(condition)
    text = SECOND.replace("ATOMIC", str(atomic)).replace("USING", condition)
    project.write("shelf/migrations/0002_second.py", text)
    return project.manage("migrate", "--database", "owner")


def state(deployment):
    """What the database holds: roles, privileges, policies, and which migrations ran."""
    security = "SELECT relname::text, relrowsecurity, relforcerowsecurity FROM pg_class ORDER BY 1"
    policies = "SELECT tablename::text, policyname::text, qual, with_check FROM pg_policies"
    return [
        *deployment.snapshot(),
        *deployment.rows(security),
        *sorted(deployment.rows(policies), key=str),
        *deployment.rows("SELECT app, name FROM django_migrations ORDER BY id"),
    ]


@pytest.mark.slow
def test_raw_sql_that_is_none_changes_nothing_or_leaves_the_table_closed(deployed):
    database = deployed.deployment
    before = state(database)
    atomic = second(deployed, TYPO, atomic=True)
    after_atomic = state(database)
    by_steps = second(deployed, TYPO, atomic=False)
    after_steps = state(database)

    for done in (atomic, by_steps):
        assert done.returncode == 1
        assert 'column "numbr" does not exist' in done.stderr
    assert after_atomic == before
    # Without a policy, and with row security on, nobody but the owner has a row.
    assert ("shelf_book", True, False) in after_steps
    assert database.rows("SELECT FROM pg_policies WHERE tablename = 'shelf_book'") == []
    assert others(after_steps) == others(before)
    assert second(deployed, "Q(number=2)", atomic=False).returncode == 0
    assert ("shelf", "0002_second") in state(database)


def others(rows):
    """What is not of the table of books."""
    return [row for row in rows if "shelf_book" not in row]
