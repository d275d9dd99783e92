"""Worlds made up for a model: what is in them, and that a check in them agrees."""

import sys

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from rls_perms.exceptions import ConfigurationError
from rls_perms.testing import assert_permissions_match, check_permissions_match, worlds
from rls_perms.testing.world import Ref
from tests import people
from tests.deployments import empty
from tests.office.models import Document, Room, Task, User

quick = settings(
    max_examples=15,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@quick
@given(world=worlds(Task))
def test_what_a_row_points_to_is_made_before_it(world):
    for place, row in enumerate(world.rows):
        refs = [one for one in row.values.values() if isinstance(one, Ref)]
        refs += [one for many in row.many.values() for one in many]

        assert all(ref.place < place for ref in refs)


def found(model, wanted):
    return find(worlds(model), wanted, settings=settings(quick, max_examples=500))


def rows_of(world, label):
    return [row for row in world.rows if row.model == label]


def test_groups_and_permissions_that_policies_name_are_there():
    world = found(
        Task, lambda world: any("office.audit_task" in held for _, held in world.permissions)
    )

    assert "Managers" in [row.values["name"] for row in rows_of(world, "auth.Group")]


def test_values_that_conditions_compare_with_come_up():
    world = found(
        Task,
        lambda world: any(one.values["state"] == "done" for one in rows_of(world, "office.Task")),
    )

    assert rows_of(world, "office.Project") or rows_of(world, "office.Task")


@pytest.mark.parametrize("field", ["is_superuser", "is_active"])
def test_users_are_of_every_kind(field):
    found(
        Task,
        lambda world: {one.values[field] for one in rows_of(world, "office.User")} == {True, False},
    )


def test_grants_are_for_users_and_groups_and_of_texts_that_are_no_key():
    found(
        Document,
        lambda world: (
            {world.rows[one.holder.place].model for one in world.grants}
            == {"office.User", "auth.Group"}
            and any(one.junk for one in world.grants)
        ),
    )


def test_a_field_has_the_strategy_that_is_given():
    world = found_with(fields={"office.Document.title": st.just("mine")})

    assert {row.values["title"] for row in rows_of(world, "office.Document")} == {"mine"}


def found_with(**options):
    return find(worlds(Document, **options), lambda world: True, settings=quick)


@pytest.mark.usefixtures("db")
def test_what_is_made_is_a_world_of_users_and_rows_as_any(people_of_a_world):
    made = people_of_a_world

    assert Document.objects.using("owner").filter(pk__in=[one.pk for one in made]).exists()
    assert assert_permissions_match(Document) > 0


@pytest.fixture
def people_of_a_world(db):
    world = found(Document, lambda world: len(rows_of(world, "office.Document")) > 1)
    people.make(User(username="AnonymousUser"))
    made = world.make("owner")
    people.sync()
    return [one for one in made if isinstance(one, Document)]


def test_a_model_without_a_declaration_has_no_worlds():
    with pytest.raises(ConfigurationError, match="declares no row security"):
        worlds(Room)


def test_what_is_made_up_is_written_to_test_databases_only():
    with pytest.raises(ConfigurationError, match="is no test database"):
        check_permissions_match(Document)


def test_without_hypothesis_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)

    with pytest.raises(ConfigurationError, match=r"pip install 'rls-perms\[testing\]'"):
        worlds(Document)


CHECK = """
import django; django.setup()
from django.test.runner import DiscoverRunner
from django.db import connections
from rls_perms.testing import check_permissions_match
from tests.test_equivalence import MODELS
runner = DiscoverRunner(verbosity=0, interactive=False)
databases = runner.setup_databases(aliases=["default"])
try:
    for model in MODELS:
        print(model.__name__, check_permissions_match(model), flush=True)
finally:
    runner.teardown_databases(databases)
"""


@pytest.mark.slow
def test_in_every_world_of_the_office_the_database_allows_what_django_does():
    with empty() as deployment:
        done = deployment.python("-c", CHECK)

    answers = dict(line.split() for line in done.stdout.splitlines())
    assert done.returncode == 0, done.stderr
    assert len(answers) == 6
    assert sum(map(int, answers.values())) > 5000
