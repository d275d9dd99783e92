"""System checks say what is wrong with settings and declarations, and what to do next."""

# ruff: noqa: DJ008 - these models are looked at, and never shown

import pytest
from django.core.checks import run_checks
from django.db import models
from django.test.utils import isolate_apps
from guardian.models import UserObjectPermissionBase

from rls_perms import CurrentUser, ObjectPermissions, Policy, RowSecurity
from rls_perms.checks import (
    all_checks,
    e001_engine,
    e002_declaration,
    e003_child_without_declaration,
    w001_closed_through_table,
)
from rls_perms.expressions import CurrentTenant
from tests.office.models import Tenant, User

AN_ENGINE = "django.db.backends.postgresql"


def q(**conditions):
    return models.Q(**conditions)


def protected(name="one_rls", **more):
    return [RowSecurity(name=name, **more)]


def found(check):
    """The ids, models and texts of what a check finds."""
    return [
        (one.id, getattr(one.obj, "__name__", None), f"{one.msg} {one.hint}") for one in check()
    ]


@pytest.fixture(autouse=True)
def apps_of_the_test(monkeypatch):
    """Let checks see the models that a test makes, and no others."""
    with isolate_apps("tests.office") as isolated:
        for check in (e002_declaration, e003_child_without_declaration, w001_closed_through_table):
            monkeypatch.setattr(check, "apps", isolated)
        yield isolated


class Office(models.Model):
    class Meta:
        abstract = True
        app_label = "office"


def test_every_check_is_found_by_its_file():
    assert [check.__module__.rpartition(".")[2].partition("_")[0] for check in all_checks()] == [
        "e001",
        "e002",
        "e003",
        "w001",
        "w008",
    ]


def test_the_tests_own_project_has_nothing_to_say():
    assert [one for one in run_checks() if (one.id or "").startswith("rls_perms")] == []


@pytest.mark.parametrize("alias", ["default", "server_side", "owner"])
def test_e001_an_alias_of_ours_with_another_engine(settings_of, alias):
    settings_of[alias]["ENGINE"] = AN_ENGINE
    [(id, _, text)] = found(e001_engine.check)

    assert id == "rls_perms.E001"
    assert f"DATABASES['{alias}'] uses the engine '{AN_ENGINE}', which knows no roles" in text
    assert "Set ENGINE to 'rls_perms.backends.postgresql'" in text


@pytest.fixture
def settings_of(monkeypatch):
    """The settings of each alias, put right afterwards."""
    from django.conf import settings

    for alias in settings.DATABASES.values():
        monkeypatch.setitem(alias, "ENGINE", alias["ENGINE"])
    return settings.DATABASES


def test_e001_our_own_engine_is_right():
    assert found(e001_engine.check) == []


def test_e002_two_declarations_on_one_model():
    class Thing(Office):
        class Meta(Office.Meta):
            constraints = [*protected("one"), *protected("two")]

    [(id, model, text)] = found(e002_declaration.check)

    assert (id, model) == ("rls_perms.E002", "Thing")
    assert "declares row security 2 times: one, two" in text
    assert "Write one RowSecurity with all policies" in text


def test_e002_a_tenant_that_is_no_field():
    class Thing(Office):
        class Meta(Office.Meta):
            constraints = protected(tenant="tennant")

    [(id, _, text)] = found(e002_declaration.check)

    assert id == "rls_perms.E002"
    assert "no field named 'tennant'" in text


def test_e002_a_condition_on_no_field():
    class Thing(Office):
        owner = models.ForeignKey(User, models.CASCADE, related_name="+")

        class Meta(Office.Meta):
            constraints = protected(policies=[Policy("own", using=q(owner__boss=CurrentUser()))])

    [(id, model, text)] = found(e002_declaration.check)

    assert (id, model) == ("rls_perms.E002", "Thing")
    assert "cannot be written as policies" in text
    assert "boss" in text


def test_e002_a_table_of_the_framework(monkeypatch):
    class Thing(Office):
        class Meta(Office.Meta):
            db_table = "office_user"
            constraints = protected()

    [(id, _, text)] = found(e002_declaration.check)

    assert id == "rls_perms.E002"
    assert "is a table of Django's framework" in text


def test_e002_a_declaration_that_can_be_written():
    class Thing(Office):
        tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")

        class Meta(Office.Meta):
            constraints = protected(
                tenant="tenant", policies=[Policy("own", using=q(tenant=CurrentTenant()))]
            )

    assert found(e002_declaration.check) == []


def test_e003_a_child_in_a_table_of_its_own():
    class Parent(Office):
        class Meta(Office.Meta):
            constraints = protected("parent_rls")

    class Child(Parent):
        class Meta:
            app_label = "office"

    class Grandchild(Child):
        class Meta:
            app_label = "office"

    problems = found(e003_child_without_declaration.check)

    assert [(id, model) for id, model, _ in problems] == [
        ("rls_perms.E003", "Child"),
        ("rls_perms.E003", "Grandchild"),
    ]
    assert "the row security of office.Parent does not reach" in problems[0][2]
    assert "Add a RowSecurity to its Meta.constraints" in problems[0][2]


def test_e003_a_child_with_a_declaration_and_a_proxy():
    class Parent(Office):
        class Meta(Office.Meta):
            constraints = protected("parent_rls")

    class Child(Parent):
        class Meta:
            app_label = "office"
            constraints = protected("child_rls")

    class Proxy(Parent):
        class Meta:
            app_label = "office"
            proxy = True

    assert found(e003_child_without_declaration.check) == []


@pytest.mark.parametrize("end", ["from", "to"])
def test_w001_the_table_of_a_many_to_many_field(end):
    class Thing(Office):
        others = models.ManyToManyField("Other")

        class Meta(Office.Meta):
            constraints = protected("thing_rls") if end == "from" else []

    class Other(Office):
        class Meta(Office.Meta):
            constraints = protected("other_rls") if end == "to" else []

    [(id, model, text)] = found(w001_closed_through_table.check)

    assert (id, model) == ("rls_perms.W001", "Thing" if end == "from" else "Other")
    assert "'office_thing_others'" in text
    assert "is closed to every session role" in text
    assert "through=..." in text


def test_w001_a_relation_of_open_models_and_one_written_as_a_model():
    class Thing(Office):
        plain = models.ManyToManyField("Plain", through="Between", related_name="+")

        class Meta(Office.Meta):
            constraints = protected("thing_rls")

    class Plain(Office):
        others = models.ManyToManyField("Plain")

    class Between(Office):
        thing = models.ForeignKey(Thing, models.CASCADE)
        plain = models.ForeignKey(Plain, models.CASCADE)

        class Meta(Office.Meta):
            constraints = protected("between_rls")

    assert found(w001_closed_through_table.check) == []


# Where guardian keeps grants


def grants(model, **content_object):
    """A table of grants to users with a foreign key to *model*."""
    content = models.ForeignKey(model, models.CASCADE, **content_object)
    meta = type("Meta", (), {"app_label": "office"})
    body = {"content_object": content, "Meta": meta, "__module__": __name__}
    body["user"] = models.ForeignKey(User, models.CASCADE, related_name="+")
    return type(f"{model.__name__}Grant", (UserObjectPermissionBase,), body)


def test_a_key_that_a_text_cannot_be_compared_with_is_an_error():
    class One(Office):
        day = models.DateField(primary_key=True)

        class Meta(Office.Meta):
            abstract = False
            constraints = protected(policies=[ObjectPermissions()])

    ((_, _, text),) = found(e002_declaration.check)
    assert "cannot compare the texts in guardian.UserObjectPermission" in text
    assert "'date'" in text


def test_grants_by_another_field_than_the_key_are_an_error():
    class One(Office):
        name = models.CharField(max_length=9, unique=True)

        class Meta(Office.Meta):
            abstract = False
            constraints = protected(policies=[ObjectPermissions()])

    grants(One, to_field="name")

    ((_, _, text),) = found(e002_declaration.check)
    assert "office.OneGrant points to office.One by 'name'" in text


def test_a_grant_that_the_database_cannot_write_is_an_error():
    class One(Office):
        class Meta(Office.Meta):
            abstract = False
            constraints = protected(policies=[ObjectPermissions(creator=["view"])])

    made = grants(One)
    made.add_to_class("reason", models.CharField(max_length=9))

    ((_, _, text),) = found(e002_declaration.check)
    assert "['reason'] would have no value" in text


@pytest.mark.parametrize("creator", ["view", ["add"], ["view", "approve"]])
def test_a_creator_is_granted_what_rows_know_of_only(creator):
    with pytest.raises(ValueError, match="takes a list of 'view', 'change' and 'delete'"):
        ObjectPermissions(creator=creator)


def test_object_permissions_are_values():
    one = ObjectPermissions(creator=("delete", "view"), remove_grants=False)

    assert one == ObjectPermissions(creator=["view", "delete"], remove_grants=False)
    assert one.deconstruct()[2] == {"creator": ["view", "delete"], "remove_grants": False}
    assert ObjectPermissions().deconstruct()[2] == {}
