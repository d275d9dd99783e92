"""Saving: what may be saved is saved, and what may not is told, never passed over."""

import pytest
from django import forms
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction
from django.db.models import Manager, QuerySet
from guardian.models import UserObjectPermission

from rls_perms import PermissionDenied, as_system, as_user
from tests import kept, people
from tests.office.models import Contract, Document, Tag, Ticket
from tests.settings import PROJECT

#: Each way of declaring, and each kind of key.
MODELS = {Ticket: "title", Document: "title", Contract: "title", Tag: "note"}
MISSING = r"did not affect any rows|Forced update"
by_model = pytest.mark.parametrize("model", MODELS)


@pytest.fixture
def office(db):
    return kept.world(Office)


class Office:
    def __init__(self):
        self.tenant, self.other = people.tenant("acme"), people.tenant("bolt")
        names = [model._meta.model_name for model in MODELS]
        adders = people.group("Adders", *(f"office.add_{name}" for name in names))
        viewers = people.group("Viewers", *(f"office.view_{name}" for name in names))
        editors = people.group(
            "Editors",
            *(f"office.{one}_{name}" for name in names for one in ("view", "change", "add")),
        )
        self.adder = people.user("adder", tenant=self.tenant, groups=[adders])
        self.viewer = people.user("viewer", tenant=self.tenant, groups=[viewers])
        self.editor = people.user("editor", tenant=self.tenant, groups=[editors])
        self.nobody = people.user("nobody", tenant=self.tenant)

    def new(self, model, number=1, tenant=None):
        if model is Tag:
            return Tag(slug=f"tag-{number}", note="new")
        # By key: an instance would bring its alias, the owner's, with it.
        return model(title="new", tenant_id=(tenant or self.tenant).pk)

    def row(self, model, **fields):
        """A saved row, which everybody with a grant of *model* sees."""
        made = self.new(model)
        for name, value in fields.items():
            setattr(made, name, value)
        return people.make(made)

    def grant(self, user, action, row):
        permission = people.permission(f"office.{action}_{row._meta.model_name}")
        people.make(
            UserObjectPermission(
                user=user,
                permission=permission,
                content_type=permission.content_type,
                object_pk=str(row.pk),
            )
        )

    def shown(self, model):
        """A row of *model* that the viewer sees and may not change."""
        row = self.row(model)
        if model is Contract:
            self.grant(self.viewer, "view", row)
        return row


def stored(model):
    """What is in the table, whoever asks."""
    return sorted(model.objects.using("owner").values_list(MODELS[model], flat=True))


# A row that is shown, and may not be changed

SAVES = {
    "save": {},
    "update_fields": {"update_fields": True},
    "force_update": {"force_update": True},
}


@by_model
@pytest.mark.parametrize("save", SAVES)
def test_saving_a_row_that_may_not_be_changed_is_denied(office, model, save):
    row = office.shown(model)
    options = {"update_fields": [MODELS[model]]} if save == "update_fields" else SAVES[save]
    setattr(row, MODELS[model], "changed")

    with as_user(office.viewer), pytest.raises(PermissionDenied) as caught:
        row.save(**options)

    assert f"office.{model.__name__}" in str(caught.value)
    assert f"user {office.viewer.pk}" in str(caught.value)
    assert f"{PROJECT}_viewers" in str(caught.value)
    assert stored(model) == ["new"]


@pytest.mark.parametrize("save", SAVES)
def test_a_denial_by_policy_names_the_action_and_the_permission(office, save):
    row = office.shown(Document)
    options = {"update_fields": ["title"]} if save == "update_fields" else SAVES[save]
    row.title = "changed"

    with (
        as_user(office.viewer),
        pytest.raises(
            PermissionDenied, match=r"may not be changed \(UPDATE\).*office\.change_document"
        ),
    ):
        row.save(**options)

    assert stored(Document) == ["new"]


def test_a_row_that_a_restrictive_policy_closes_is_denied(office):
    row = office.row(Document, closed=True)
    row.title = "changed"

    with as_user(office.editor), pytest.raises(PermissionDenied, match=r"office\.Document"):
        row.save()

    assert stored(Document) == ["new"]


@pytest.mark.parametrize("save", SAVES)
def test_select_on_save_does_not_take_a_row_that_is_seen_for_one_that_was_changed(
    office, save, monkeypatch
):
    monkeypatch.setattr(Document._meta, "select_on_save", True)
    row = office.shown(Document)
    options = {"update_fields": ["title"]} if save == "update_fields" else SAVES[save]
    row.title = "changed"

    with as_user(office.viewer), pytest.raises(PermissionDenied, match=r"office\.Document"):
        row.save(**options)

    assert stored(Document) == ["new"]


class OwnQuerySet(QuerySet):
    pass


class OwnManager(Manager):
    def get_queryset(self):
        return OwnQuerySet(self.model, using=self._db)


def test_a_base_manager_of_the_project_does_not_make_it_silent(office, monkeypatch):
    manager = OwnManager()
    manager.model, manager.name = Document, "own"
    monkeypatch.setitem(Document._meta.__dict__, "base_manager", manager)
    row = office.shown(Document)

    with as_user(office.viewer), pytest.raises(PermissionDenied, match=r"office\.Document"):
        row.save()

    assert type(Document._base_manager.all()) is OwnQuerySet


def test_a_model_form_tells_of_a_denial(office):
    form_class = forms.modelform_factory(Document, fields=["title"])
    row = office.shown(Document)

    with as_user(office.viewer):
        form = form_class({"title": "changed"}, instance=row)
        valid = form.is_valid()
        with pytest.raises(PermissionDenied):
            form.save()

    assert valid
    assert stored(Document) == ["new"]


def test_update_or_create_of_a_row_that_may_not_be_changed_is_denied(office):
    row = office.shown(Document)

    with as_user(office.viewer), pytest.raises(PermissionDenied):
        Document.objects.update_or_create(pk=row.pk, defaults={"title": "changed"})

    assert stored(Document) == ["new"]


# A row that is not shown


@pytest.mark.parametrize("options", [{"update_fields": ["title"]}, {"force_update": True}])
def test_an_update_of_a_row_that_is_not_shown_ends_as_for_a_missing_row(office, options):
    row, missing = office.row(Document), office.new(Document)
    missing.pk = 999_999

    with as_user(office.nobody):
        with pytest.raises(DatabaseError, match=MISSING) as hidden:
            row.save(**options)
        with pytest.raises(DatabaseError, match=MISSING) as absent:
            missing.save(**options)

    assert str(hidden.value) == str(absent.value)
    assert stored(Document) == ["new"]


@by_model
def test_saving_a_row_that_is_not_shown_is_never_a_silent_success(office, model):
    row = office.row(model)
    setattr(row, MODELS[model], "changed")

    with as_user(office.nobody), pytest.raises(PermissionDenied):
        row.save()

    assert stored(model) == ["new"]


@by_model
def test_saving_a_row_that_is_not_shown_with_add_meets_its_key(office, model):
    row = office.row(model)
    setattr(row, MODELS[model], "changed")

    with as_user(office.adder), pytest.raises((IntegrityError, PermissionDenied)):
        row.save()

    assert stored(model) == ["new"]


# Adding with the permission to add alone


@by_model
def test_create_with_add_alone(office, model):
    new = office.new(model)
    fields = {one.name: getattr(new, one.name) for one in model._meta.concrete_fields}
    if fields.get("id") is None:
        fields.pop("id", None)

    with as_user(office.adder):
        made = model.objects.create(**fields)
        seen = visible(model)

    assert made.pk is not None
    assert stored(model) == ["new"]
    assert seen == set()


def visible(model):
    """The keys that are shown, or none where the table is closed."""
    try:
        return set(model.objects.values_list("pk", flat=True))
    except PermissionDenied:
        return set()


@by_model
def test_save_with_add_alone(office, model):
    row = office.new(model)

    with as_user(office.adder):
        row.save(force_insert=True)
        seen = visible(model)

    assert row.pk is not None
    assert stored(model) == ["new"]
    assert seen == set()


@by_model
def test_bulk_create_with_add_alone(office, model):
    rows = [office.new(model, number) for number in range(10_000)]

    with as_user(office.adder):
        made = model.objects.bulk_create(rows)
        seen = visible(model)

    assert len({one.pk for one in made} - {None}) == 10_000
    assert model.objects.using("owner").count() == 10_000
    assert seen == set()


@by_model
def test_get_or_create_with_view_and_add(office, model):
    office.grant(office.editor, "view", office.row(Contract))
    key = "tag-1" if model is Tag else None
    lookup = {"slug": key} if key else {"title": "fresh", "tenant": office.tenant}

    with as_user(office.editor):
        made, created = model.objects.get_or_create(**lookup)

    assert created
    assert model.objects.using("owner").filter(pk=made.pk).count() == 1


@pytest.mark.parametrize("model", [Ticket, Document, Tag])
def test_update_or_create_changes_what_is_shown(office, model):
    row = office.row(model)

    with as_user(office.editor):
        _, created = model.objects.update_or_create(pk=row.pk, defaults={MODELS[model]: "changed"})

    assert not created
    assert stored(model) == ["changed"]


@pytest.mark.parametrize("model", [Ticket, Document, Tag])
def test_bulk_update_changes_what_is_shown(office, model):
    row = office.row(model)
    setattr(row, MODELS[model], "changed")

    with as_user(office.editor):
        changed = model.objects.bulk_update([row], [MODELS[model]])

    assert changed == 1
    assert stored(model) == ["changed"]


def test_a_model_form_adds_with_add_alone(office):
    form_class = forms.modelform_factory(Ticket, fields=["title", "tenant"])

    with as_user(office.adder):
        form = form_class({"title": "by form", "tenant": office.tenant.pk})
        form.save()

    assert stored(Ticket) == ["by form"]


@by_model
def test_without_the_permission_nothing_is_added(office, model):
    with (
        as_user(office.viewer),
        pytest.raises(PermissionDenied, match=rf"office\.{model.__name__}"),
    ):
        office.new(model).save(force_insert=True)

    assert stored(model) == []


@by_model
def test_two_users_in_one_transaction_do_not_see_each_others_rows(office, model):
    second = people.user("second", tenant=office.tenant, groups=office.adder.groups.all())
    with transaction.atomic():
        with as_user(office.adder):
            office.new(model, 1).save(force_insert=True)
        with as_user(second):
            with transaction.atomic():
                office.new(model, 2).save(force_insert=True)
            others = shown_inside(model)
        with as_user(office.adder):
            own = shown_inside(model)

    assert (others, own) == (set(), set())
    assert stored(model) == ["new", "new"]


def shown_inside(model):
    """As visible(), in a transaction that is to go on."""
    try:
        with transaction.atomic():
            return set(model.objects.values_list("pk", flat=True))
    except PermissionDenied:
        return set()


# Tenants


@pytest.mark.parametrize("model", [Ticket, Document, Contract])
def test_a_row_of_another_tenant_cannot_be_added(office, model):
    row = office.new(model, tenant=office.other)

    with as_user(office.adder), pytest.raises(PermissionDenied, match=r"row-level security"):
        row.save(force_insert=True)

    assert stored(model) == []


@pytest.mark.parametrize("model", [Ticket, Document, Contract])
def test_a_row_of_another_tenant_cannot_be_added_without_returning(office, model):
    row = office.new(model, tenant=office.other)

    with as_user(office.adder), pytest.raises(PermissionDenied, match=r"row-level security"):
        model.objects.bulk_create([row], ignore_conflicts=True)

    assert stored(model) == []


@pytest.mark.parametrize("where", ["", " WHERE id > 0"])
def test_a_row_cannot_be_moved_to_another_tenant(office, where):
    office.row(Document)
    query = f"UPDATE office_document SET tenant_id = {office.other.pk}{where}"

    with (
        as_user(office.editor),
        connection.cursor() as cursor,
        pytest.raises(PermissionDenied, match=r"office\.Document.*tenant"),
    ):
        cursor.execute(query)

    assert Document.objects.using("owner").get().tenant == office.tenant


@pytest.mark.parametrize("model", [Ticket, Document])
def test_save_cannot_move_a_row_to_another_tenant(office, model):
    row = office.row(model)
    row.tenant = office.other

    with as_user(office.editor), pytest.raises(PermissionDenied, match=r"row-level security"):
        row.save()

    assert model.objects.using("owner").get().tenant == office.tenant


# Sets of rows are filtered


def test_update_and_delete_of_a_set_leave_out_what_may_not_be_changed(office):
    office.row(Document, closed=True, title="closed")
    office.row(Document, title="open")

    with as_user(office.editor):
        updated = Document.objects.update(title="changed")
        deleted, _ = Document.objects.all().delete()

    assert (updated, deleted) == (1, 0)
    assert stored(Document) == ["changed", "closed"]


# The error


def test_a_denial_is_an_error_of_django_and_of_the_database(office):
    with as_user(office.nobody), pytest.raises(PermissionDenied) as caught:
        office.new(Ticket).save()

    assert isinstance(caught.value, DjangoPermissionDenied)
    assert isinstance(caught.value, ProgrammingError)


def test_a_denial_names_the_model_who_asked_and_what_to_do(office):
    with as_user(office.nobody), pytest.raises(PermissionDenied) as caught:
        office.new(Ticket).save()

    message = str(caught.value)
    assert "office.Ticket" in message
    assert f"user {office.nobody.pk} in tenant {office.tenant.pk}" in message
    assert f"{PROJECT}_everyone" in message
    assert "Give the user the permission office.add_ticket" in message


def test_a_denial_breaks_its_transaction_like_any_error_of_the_database(office):
    with as_user(office.nobody), transaction.atomic():
        with pytest.raises(PermissionDenied), transaction.atomic():
            office.new(Ticket).save()
        after = connection.needs_rollback
        with pytest.raises(PermissionDenied):
            list(Ticket.objects.all())
        with pytest.raises(DatabaseError):
            list(Document.objects.all())
        transaction.set_rollback(True)

    assert not after


def test_an_error_inside_a_block_rolls_back_what_was_written_before(office):
    with pytest.raises(PermissionDenied), as_user(office.adder), transaction.atomic():  # noqa: PT012
        office.new(Ticket).save()
        office.new(Ticket, tenant=office.other).save()

    assert stored(Ticket) == []


def test_a_denial_of_save_leaves_a_transaction_that_can_go_on_after_a_savepoint(office):
    row = office.shown(Document)
    with as_user(office.viewer), transaction.atomic():
        with pytest.raises(PermissionDenied), transaction.atomic():
            row.save()
        count = Document.objects.count()

    assert count == 1


def test_the_system_saves_what_nobody_else_may(office):
    row = office.row(Document, closed=True)
    row.title = "changed"

    with as_system(reason="test"):
        row.save()

    assert stored(Document) == ["changed"]
