"""Migrations come in the order that declarations need, and Django's own says the same changes."""

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.core.management import get_commands
from django.db import models
from django.db.migrations.autodetector import MigrationAutodetector as DjangoAutodetector
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.questioner import MigrationQuestioner
from django.db.migrations.state import ModelState, ProjectState
from django.db.models import F, OuterRef, Q
from django.db.models.functions import Lower

from rls_perms import CurrentUser, ObjectPermissions, Policy, RowSecurity
from rls_perms.management.autodetector import MigrationAutodetector
from rls_perms.policies.reads import asks_for_user, fields_read


def model(app, name, *fields, using=None, tenant=None, bases=(models.Model,), **options):
    options |= {"indexes": [], "constraints": []}
    if using is not None or tenant is not None:
        policies = [] if using is None else [Policy("one", using=using)]
        options["constraints"] = [
            RowSecurity(name=f"{app}_{name}_rls".lower(), tenant=tenant, policies=policies)
        ]
    return ModelState(
        app, name, [("id", models.AutoField(primary_key=True)), *fields], options, bases
    )


def text(name):
    return name, models.TextField(default="")


def key(name, to, **more):
    return name, models.ForeignKey(to, models.CASCADE, null=True, **more)


def state(*known):
    made = ProjectState()
    for one in known:
        made.add_model(one.clone())  # the autodetector takes options out of it
    return made


class Yes(MigrationQuestioner):
    def ask_rename(self, *arguments):
        return True

    def ask_rename_model(self, *arguments):
        return True


def changes(before, after, detector=MigrationAutodetector):
    """app -> its migrations, each the names of its operations and its dependencies."""
    found = detector(before, after, Yes())._detect_changes(graph=MigrationGraph())
    return {
        app: [
            ([type(one).__name__ for one in each.operations], sorted(each.dependencies))
            for each in made
        ]
        for app, made in found.items()
    }


def operations(found):
    return {app: sorted(name for names, _ in made for name in names) for app, made in found.items()}


PLACE = model("b", "Place", text("name"))
PROJECT = model("b", "Project", key("place", "b.Place"), text("title"))
AFTER_B = [("b", "auto_1")]


def docs(using):
    return model("a", "Doc", key("project", "b.Project"), using=using)


def test_a_declaration_comes_after_the_field_of_another_app_that_it_reads():
    before = state(model("b", "Project"), docs(Q()))
    after = state(model("b", "Project", text("title")), docs(Q(project__title="x")))

    found = changes(before, after)

    assert found["a"] == [(["RemoveConstraint", "AddConstraint"], AFTER_B)]


def test_a_declaration_comes_after_the_model_of_another_app_that_it_reads():
    before = state(model("b", "Project"), docs(Q()))
    after = state(
        PLACE, model("b", "Project", key("place", "b.Place")), docs(Q(project__place__name="x"))
    )

    found = changes(before, after)

    assert found["a"] == [(["RemoveConstraint", "AddConstraint"], AFTER_B)]


def test_a_renamed_field_comes_between_the_end_of_one_declaration_and_the_next():
    before = state(PLACE, PROJECT, docs(Q(project__title="x")))
    renamed = model("b", "Project", key("place", "b.Place"), text("label"))
    after = state(PLACE, renamed, docs(Q(project__label="x")))

    found = changes(before, after)

    assert [names for names, _ in found["a"]] == [["RemoveConstraint"], ["AddConstraint"]]
    assert found["b"] == [(["RenameField"], [("a", "auto_1")])]
    assert ("b", "auto_1") in found["a"][1][1]


def test_a_removed_field_comes_after_the_declaration_that_reads_it():
    before = state(PLACE, PROJECT, docs(Q(project__title="x")))
    after = state(PLACE, model("b", "Project", key("place", "b.Place")), docs(Q()))

    found = changes(before, after)

    assert ("a", "auto_1") in found["b"][0][1]


def test_a_deleted_model_comes_after_the_declaration_that_reads_it():
    before = state(PLACE, PROJECT, docs(Q(project__place__name="x")))
    after = state(model("b", "Project", text("title")), docs(Q()))

    found = changes(before, after)

    assert ("a", "auto_1") in found["b"][0][1]


def test_within_one_app_the_declaration_is_taken_away_first_and_added_last():
    reader = model("b", "Doc", key("project", "b.Project"), using=Q(project__title="x"))
    after = model("b", "Doc", key("project", "b.Project"), using=Q(project__label="x"))
    found = changes(
        state(PLACE, PROJECT, reader),
        state(PLACE, model("b", "Project", key("place", "b.Place"), text("label")), after),
    )

    assert [names for names, _ in found["b"]] == [
        ["RemoveConstraint", "RenameField", "AddConstraint"]
    ]


def test_models_that_are_deleted_together_do_not_wait_for_each_other():
    one = model("b", "One", key("two", "b.Two"), using=Q(two__one__isnull=True))
    two = model("b", "Two", key("one", "b.One"), using=Q(one__two__isnull=True))

    found = changes(state(one, two), state())

    assert operations(found)["b"].count("DeleteModel") == 2


def test_a_model_that_is_renamed_while_its_declaration_changes():
    before = state(PLACE, PROJECT, docs(Q(project__title="x")))
    renamed = model("a", "Paper", key("project", "b.Project"), using=Q(project__label="x"))
    after = state(PLACE, model("b", "Project", key("place", "b.Place"), text("label")), renamed)

    found = changes(before, after)

    assert operations(found) == operations(changes(before, after, DjangoAutodetector))
    assert ("a", "auto_1") in found["b"][0][1]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([PLACE, PROJECT, docs(Q())], [PLACE, PROJECT, docs(Q(project__title="x"))]),
        ([PLACE, PROJECT], [PLACE, PROJECT, docs(Q(project__place__name="x"))]),
        ([PLACE, PROJECT, docs(Q(project__title="x"))], [PLACE, PROJECT]),
        ([], [PLACE, PROJECT, docs(Q(project__title="x"))]),
        ([PLACE, PROJECT, docs(Q())], [PLACE, PROJECT, docs(Q())]),
    ],
)
def test_djangos_own_autodetector_finds_the_same_changes(before, after):
    ours = changes(state(*before), state(*after))
    theirs = changes(state(*before), state(*after), DjangoAutodetector)

    assert operations(ours) == operations(theirs)


def test_a_condition_on_the_user_depends_on_the_model_that_settings_name():
    after = state(PLACE, PROJECT, docs(Q(project__title=CurrentUser())))

    found = changes(state(PLACE, PROJECT), after)

    assert ("__setting__", "AUTH_USER_MODEL") in found["a"][0][1]
    assert settings.AUTH_USER_MODEL == "office.User"


def test_both_commands_have_it_as_djangos_check_asks():
    assert {get_commands()[name] for name in ("makemigrations", "migrate")} == {"rls_perms"}
    assert [one.id for one in run_checks(tags=["commands"])] == []


# What a declaration reads


def read(using, tenant=None):
    child = model("b", "Site", text("plot"), bases=("b.place",))
    tag = model("c", "Tag", key("doc", "a.Doc", related_name="tags"), text("word"))
    one = RowSecurity(name="x", tenant=tenant, policies=[Policy("one", using=using)])
    known = state(PLACE, child, PROJECT, docs(Q()), tag)
    return {".".join(found) for found in fields_read(one, ("a", "doc"), known)}


@pytest.mark.parametrize(
    ("using", "expected"),
    [
        (Q(project__title__icontains="x"), {"a.doc.project", "b.project.title"}),
        (Q(project_id=3), {"a.doc.project"}),
        (Q(pk=3), {"a.doc.id"}),
        (Q(tags__word="x"), {"c.tag.doc", "c.tag.word"}),
        (~Q(Q(project__place=None) | Q(id=1)), {"a.doc.project", "b.project.place", "a.doc.id"}),
        (
            Q(id=F("project__place__name")),
            {"a.doc.id", "a.doc.project", "b.project.place", "b.place.name"},
        ),
        (Q(id__in=[F("project_id"), 1]), {"a.doc.id", "a.doc.project"}),
        (Q(id=Lower("project__title")), {"a.doc.id", "a.doc.project", "b.project.title"}),
        (Q(nothing__there=1), set()),
    ],
)
def test_the_fields_on_the_way_of_a_lookup(using, expected):
    assert read(using) == expected


def test_the_path_to_the_tenant_counts():
    assert read(Q(), tenant="project__place") == {"a.doc.project", "b.project.place"}


def test_a_subquery_that_names_its_model_counts():
    class There:
        """As an Exists that stands in a declaration."""

        model = "b.Place"
        condition = Q(name=OuterRef("project__title"))
        conditional = True

    assert read(Q(There())) == {"b.place.name", "a.doc.project", "b.project.title"}


def test_a_parents_field_is_the_parents():
    one = RowSecurity(name="x", policies=[Policy("one", using=Q(name="x", plot="y"))])
    known = state(PLACE, model("b", "Site", text("plot"), bases=("b.place",)))

    assert fields_read(one, ("b", "site"), known) == {("b", "place", "name"), ("b", "site", "plot")}


def test_who_asks_is_found_in_any_depth():
    def asks(using):
        return asks_for_user(
            RowSecurity(policies=[Policy("one", using=using), ObjectPermissions()])
        )

    assert asks(Q(a=1) & ~Q(b=Lower(CurrentUser())))
    assert not asks(Q(a=1))
