"""A row that is shown and may not be changed or deleted is a denial that says so."""

import asyncio
import pickle
from contextlib import contextmanager

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.db.models.signals import pre_delete
from django.template import engines
from django.test.utils import isolate_apps
from guardian.models import UserObjectPermission
from psycopg import errors

from rls_perms import PermissionDenied, as_system, as_user, denial, loud_denials
from rls_perms.testing import without_owner
from tests import kept, people
from tests.office.models import Case, Contract, Document, Project, Room, Tag, Task, Ticket, User
from tests.settings import PROJECT

ACTIONS = ("view", "add", "change", "delete")
NAMES = ("document", "ticket", "tag", "contract", "case", "project", "task")


@pytest.fixture
def office(db):
    return kept.world(Office)


class Office:
    """A viewer, who changes nothing, and a clerk, who may not change what is closed."""

    def __init__(self):
        self.tenant, self.other = people.tenant("acme"), people.tenant("bolt")
        viewers = people.group("Viewers", *(f"office.view_{name}" for name in NAMES))
        clerks = people.group("Clerks", *(f"office.{a}_{name}" for a in ACTIONS for name in NAMES))
        # Deletes all but documents, of which everybody may delete what is granted to them.
        movers = people.group(
            "Movers",
            *(f"office.{a}_{n}" for a in ("view", "delete") for n in NAMES if n != "document"),
            "office.view_document",
        )
        self.viewer = people.user("viewer", tenant=self.tenant, groups=[viewers])
        self.clerk = people.user("clerk", tenant=self.tenant, groups=[clerks])
        self.mover = people.user("mover", tenant=self.tenant, groups=[movers])
        self.nobody = people.user("nobody", tenant=self.tenant)

    def document(self, title="new", **fields):
        return people.make(Document(title=title, tenant_id=self.tenant.pk, **fields))

    def shown(self, model):
        """A row that the viewer sees."""
        if model is Tag:
            return people.make(Tag(slug="red", note="new"))
        row = people.make(model(title="new", tenant_id=self.tenant.pk))
        if model is Contract:
            self.grant(self.viewer, "view", row)
        return row

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


MODELS = {Ticket: "title", Document: "title", Contract: "title", Tag: "note"}
#: Those where nobody lacks the table's privilege: rows are passed over instead of refused.
FILTERED = [Document, Contract, Tag]
by_model = pytest.mark.parametrize("model", MODELS)


def stored(model):
    return sorted(model.objects.using("owner").values_list(MODELS[model], flat=True))


def role(name):
    return f"{PROJECT}_{name}"


@contextmanager
def counted():
    """The statements on "default" inside."""
    queries = []

    def note(execute, query, params, many, context):
        queries.append(query)
        return execute(query, params, many, context)

    with connection.execute_wrapper(note):
        yield queries


# What a denial tells


@by_model
def test_a_denial_of_save_tells_programs_what_and_who(office, model):
    row = office.shown(model)
    setattr(row, MODELS[model], "changed")

    with as_user(office.viewer), pytest.raises(PermissionDenied) as caught:
        row.save()

    denial = caught.value
    assert (denial.model, denial.action, denial.key) == (model, "change", row.pk)
    assert (denial.user, denial.role) == (str(office.viewer.pk), role("viewers"))
    assert denial.sqlstate == (None if model in FILTERED else "42501")
    assert stored(model) == ["new"]


@by_model
def test_a_denial_of_delete_tells_programs_what_and_who(office, model):
    row = office.shown(model)
    key = row.pk

    with as_user(office.viewer), pytest.raises(PermissionDenied) as caught:
        row.delete()

    denial = caught.value
    assert (denial.model, denial.action, denial.key) == (model, "delete", key)
    assert (denial.user, denial.role) == (str(office.viewer.pk), role("viewers"))
    assert denial.sqlstate == (None if model in FILTERED else "42501")
    assert stored(model) == ["new"]
    assert row.pk == key


@pytest.mark.parametrize(("action", "done"), [("change", "changed"), ("delete", "deleted")])
def test_the_message_of_a_row_that_is_passed_over(office, action, done):
    row = office.document()

    with as_user(office.viewer), pytest.raises(PermissionDenied) as caught:
        row.save() if action == "change" else row.delete()

    command = {"change": "UPDATE", "delete": "DELETE"}[action]
    assert str(caught.value) == (
        f"PostgreSQL refused user {office.viewer.pk} in tenant {office.tenant.pk} (role "
        f"{role('viewers')}): office.Document {row.pk} is shown and may not be {done} ({command}). "
        f"Nothing was {done}. Grant the permission office.{action}_document, to the user or for "
        "this object, or look at the policies of the model."
    )


def test_the_message_of_a_table_that_is_closed_names_the_row(office):
    row = office.shown(Ticket)

    with as_user(office.viewer), pytest.raises(PermissionDenied) as caught:
        row.delete()

    assert str(caught.value) == (
        f"PostgreSQL refused user {office.viewer.pk} in tenant {office.tenant.pk} (role "
        f"{role('viewers')}): permission denied for table office_ticket (office.Ticket {row.pk}). "
        "Give the user the permission office.delete_ticket, or leave the table out of the "
        "statement."
    )


def test_who_has_no_context_is_told_to_enter_one():
    with without_owner(), pytest.raises(PermissionDenied) as caught, transaction.atomic():
        Ticket.objects.count()

    assert str(caught.value) == (
        "PostgreSQL refused the login role, without a context: permission denied for table "
        "office_ticket (office.Ticket). Enter a context (as_user, as_role), or leave the table out "
        "of the statement."
    )


def test_a_row_that_would_leave_its_tenant_is_named(office):
    row = office.document()
    row.tenant = office.other

    with as_user(office.clerk), pytest.raises(PermissionDenied, match="row-level security") as told:
        row.save()

    assert (told.value.model, told.value.action, told.value.key) == (Document, "change", row.pk)
    assert told.value.sqlstate == "42501"


def test_a_denial_of_adding_and_of_reading_tells_its_action(office):
    with as_user(office.viewer), pytest.raises(PermissionDenied) as adding:
        Ticket.objects.create(title="new", tenant_id=office.tenant.pk)
    with as_user(office.nobody), pytest.raises(PermissionDenied) as reading:
        Ticket.objects.count()

    assert (adding.value.model, adding.value.action, adding.value.keys) == (Ticket, "add", ())
    assert (reading.value.model, reading.value.action) == (Ticket, "view")


def test_a_denial_of_raw_sql_tells_what_is_known(office):
    with (
        as_user(office.nobody),
        connection.cursor() as cursor,
        pytest.raises(PermissionDenied) as told,
    ):
        cursor.execute("DELETE FROM office_ticket")

    assert (told.value.model, told.value.action, told.value.key) == (Ticket, None, None)
    assert told.value.role == role("everyone")


def test_a_table_that_a_change_only_reads_is_a_denial_of_viewing(office):
    with as_user(office.nobody), pytest.raises(PermissionDenied) as told:
        Document.objects.filter(pk__in=Ticket.objects.values("pk")).update(title="changed")

    assert (told.value.model, told.value.action, told.value.keys) == (Ticket, "view", ())


@pytest.fixture
def entries(monkeypatch):
    """Models of tables of one name in two schemas, and of one whose name ends like it."""
    with isolate_apps("tests.office") as isolated:
        monkeypatch.setattr(denial, "apps", isolated)

        yield [of_table(name) for name in ("entry", 'audit"."entry', 'audit"."last "" entry')]


def of_table(name):
    meta = type("Meta", (), {"app_label": "office", "db_table": name})
    return type(f"Entry{len(name)}", (models.Model,), {"Meta": meta, "__module__": __name__})


@pytest.mark.parametrize(
    "words", ["permission denied for table {}", 'new row violates row-level security of table "{}"']
)
def test_of_two_tables_of_one_name_a_denial_names_the_statements_or_none(entries, words):
    def model(table, running=None):
        error = errors.InsufficientPrivilege(words.format(table))
        return denial.denied(error, denial.Asking("somebody"), running=running).model

    entry, audit, last = entries

    assert (model("entry", entry), model("entry", audit)) == (entry, audit)
    assert (model("entry"), model("entry", last)) == (None, None)
    assert model('last " entry') is last


def test_a_denial_without_a_context_names_no_user(office):
    with pytest.raises(PermissionDenied) as told:
        Document.objects.count()

    assert (told.value.user, told.value.role, told.value.sqlstate) == (None, None, "42501")


def test_a_denial_survives_pickling(office):
    row = office.document()
    with as_user(office.viewer), pytest.raises(PermissionDenied) as caught:
        row.delete()

    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own

    assert str(copy) == str(caught.value)
    assert (copy.model, copy.action, copy.keys) == (Document, "delete", (row.pk,))


# Deleting an instance


def test_adelete_and_asave_are_loud(office):
    row = office.document()

    async def ask():
        async with as_user(office.viewer):
            with pytest.raises(PermissionDenied, match="may not be deleted"):
                await row.adelete()
            with pytest.raises(PermissionDenied, match="may not be changed"):
                await row.asave()

    asyncio.run(ask())

    assert stored(Document) == ["new"]


def test_a_row_that_is_not_shown_is_simply_gone(office):
    row = office.document()

    with as_user(office.nobody):
        deleted = row.delete()

    assert deleted == (0, {"office.Document": 0})
    assert stored(Document) == ["new"]


def test_deleting_what_may_be_deleted_costs_no_query_more(office):
    row = office.document()

    with as_user(office.clerk), counted() as queries:
        deleted = row.delete()

    assert deleted == (1, {"office.Document": 1})
    assert [query.partition(" ")[0] for query in queries] == ["DELETE"]


@contextmanager
def listened(model):
    """Signals make Django collect keys, instead of deleting by a condition."""

    def listen(**kwargs):
        pass

    pre_delete.connect(listen, sender=model)
    try:
        yield
    finally:
        pre_delete.disconnect(listen, sender=model)


@pytest.mark.parametrize("with_signals", [False, True])
def test_what_hangs_on_a_row_and_may_not_be_deleted_is_named(office, with_signals):
    documents = [office.document(f"{n}", owner=office.nobody) for n in range(2)]
    office.grant(office.mover, "delete", documents[0])

    with (
        as_user(office.mover),
        listened(Document if with_signals else Tag),
        pytest.raises(PermissionDenied) as told,
    ):
        office.nobody.delete()

    assert (told.value.model, told.value.action) == (Document, "delete")
    assert told.value.keys == (documents[1].pk,)
    assert stored(Document) == ["0", "1"]
    assert User.objects.using("owner").filter(username="nobody").exists()


def test_what_hangs_on_a_row_of_an_open_table_is_named_too(office):
    room = people.make(Room(name="one"))
    case = people.make(Case(tenant_id=office.tenant.pk, room=room))

    with as_user(office.viewer), pytest.raises(PermissionDenied, match=r"office\.Case") as told:
        room.delete()

    assert told.value.action == "delete"
    assert Room.objects.using("owner").get() == room
    assert Case.objects.using("owner").get() == case


def test_a_row_goes_with_what_hangs_on_it_if_all_may_be_deleted(office):
    project = people.make(Project(tenant_id=office.tenant.pk, name="one", owner=office.clerk))
    people.make(Task(tenant_id=office.tenant.pk, project=project))

    with as_user(office.clerk):
        deleted, _ = project.delete()

    assert deleted == 2
    assert Task.objects.using("owner").count() == 0


def test_a_template_still_may_not_call_delete(office):
    row = office.document()
    template = engines["django"].from_string("{{ row.delete }}")

    with as_user(office.clerk):
        template.render({"row": row})

    assert stored(Document) == ["new"]


def test_without_a_context_deleting_is_djangos_own(office):
    row = office.document()

    assert Document.objects.using("owner").get().delete() == (1, {"office.Document": 1})
    with pytest.raises(PermissionDenied, match="without a context"):
        row.delete()


def test_the_system_deletes_what_nobody_else_may(office):
    row = office.document(closed=True)

    with as_system(reason="test"):
        row.delete()

    assert stored(Document) == []


# bulk_update


def test_bulk_update_names_the_rows_that_may_not_be_changed_and_changes_none(office):
    rows = [office.document(f"{n}", closed=n % 2 == 0) for n in range(5)]
    for row in rows:
        row.title = "changed"

    with as_user(office.clerk), pytest.raises(PermissionDenied) as told:
        Document.objects.bulk_update(rows, ["title"], batch_size=2)

    assert (told.value.model, told.value.action) == (Document, "change")
    assert told.value.keys == (rows[0].pk,)
    assert stored(Document) == ["0", "1", "2", "3", "4"]


def test_bulk_update_names_all_rows_of_a_statement(office):
    rows = [office.document(f"{n}", closed=True) for n in range(7)]

    with as_user(office.clerk), pytest.raises(PermissionDenied, match=r"and 2 more are") as told:
        Document.objects.bulk_update(rows, ["title"])

    assert set(told.value.keys) == {row.pk for row in rows}


def test_rows_that_a_bulk_update_closes_are_not_taken_for_denied(office):
    rows = [office.document("a"), office.document("b")]
    for row in rows:
        row.closed = True
    gone = office.document("gone")
    Document.objects.using("owner").filter(pk=gone.pk).delete()

    with as_user(office.clerk):
        changed = Document.objects.bulk_update([*rows, gone], ["closed"])

    assert changed == 2


def test_bulk_update_passes_over_rows_that_are_not_shown(office):
    foreign = people.make(Document(title="foreign", tenant_id=office.other.pk))
    row = office.document("own")
    row.title = foreign.title = "changed"

    with as_user(office.clerk):
        changed = Document.objects.bulk_update([row, foreign], ["title"])

    assert changed == 1
    assert stored(Document) == ["changed", "foreign"]


@pytest.mark.parametrize("model", [Contract, Tag])
def test_bulk_update_with_other_keys(office, model):
    row = office.shown(model)

    with as_user(office.viewer), pytest.raises(PermissionDenied) as told:
        model.objects.bulk_update([row], [MODELS[model]])

    assert told.value.key == row.pk


def test_a_bulk_update_that_changes_everything_costs_no_query_more(office):
    rows = [office.document(f"{n}") for n in range(4)]

    with as_user(office.clerk), counted() as queries:
        changed = Document.objects.bulk_update(rows, ["title", "is_public"], batch_size=2)

    assert changed == 4
    assert [query.partition(" ")[0] for query in queries if "office" in query] == ["UPDATE"] * 2


def test_abulk_update_is_loud(office):
    row = office.document(closed=True)

    async def ask():
        async with as_user(office.clerk):
            await Document.objects.abulk_update([row], ["title"])

    with pytest.raises(PermissionDenied):
        asyncio.run(ask())


# Rows that are asked for to be changed


def test_get_with_select_for_update_of_a_row_that_may_not_be_changed_is_denied(office):
    row = office.document(closed=True)

    with (
        as_user(office.clerk),
        transaction.atomic(),
        pytest.raises(PermissionDenied, match="may not be changed") as told,
    ):
        Document.objects.select_for_update().get(pk=row.pk)

    assert (told.value.model, told.value.action, told.value.key) == (Document, "change", row.pk)


def test_get_with_select_for_update_of_what_is_not_there_is_djangos_own(office):
    foreign = people.make(Document(title="foreign", tenant_id=office.other.pk))

    with as_user(office.clerk), transaction.atomic(), pytest.raises(Document.DoesNotExist):
        Document.objects.select_for_update().get(pk=foreign.pk)


def test_a_set_that_is_locked_is_filtered(office):
    office.document("closed", closed=True)
    office.document("open")

    with as_user(office.clerk), transaction.atomic():
        locked = list(Document.objects.select_for_update())
        skipping = Document.objects.select_for_update(skip_locked=True).filter(closed=True)
        with pytest.raises(Document.DoesNotExist):
            skipping.get()

    assert [one.title for one in locked] == ["open"]


def test_update_or_create_does_not_add_a_second_row_beside_one_that_may_not_be_changed(office):
    office.document("closed", closed=True)

    with as_user(office.clerk), pytest.raises(PermissionDenied, match="may not be changed"):
        Document.objects.update_or_create(
            title="closed", tenant_id=office.tenant.pk, defaults={"is_public": True}
        )

    assert stored(Document) == ["closed"]
    assert not Document.objects.using("owner").get().is_public


def test_get_or_create_gets_what_is_shown_and_may_not_be_changed(office):
    row = office.document("closed", closed=True)

    with as_user(office.clerk):
        found = Document.objects.get_or_create(title="closed", tenant_id=office.tenant.pk)

    assert found == (row, False)


def test_get_or_create_does_not_add_without_the_permission(office):
    with as_user(office.viewer), pytest.raises(PermissionDenied) as told:
        Document.objects.get_or_create(title="none", tenant_id=office.tenant.pk)

    assert told.value.action == "add"
    assert stored(Document) == []


# Sets of rows


def test_update_and_delete_of_a_set_go_on_filtering(office):
    office.document("closed", closed=True)
    office.document("open")

    with as_user(office.clerk):
        updated = Document.objects.update(title="changed")
    with as_user(office.viewer):
        deleted = Document.objects.all().delete()

    assert (updated, deleted[0]) == (1, 0)
    assert stored(Document) == ["changed", "closed"]


def test_inside_loud_denials_a_set_is_changed_as_a_whole_or_not(office):
    closed = office.document("closed", closed=True)
    office.document("open")

    with as_user(office.clerk):
        with pytest.raises(PermissionDenied) as told, loud_denials():
            Document.objects.update(title="changed")
        with loud_denials():
            updated = Document.objects.filter(closed=False).update(title="changed")

    assert told.value.keys == (closed.pk,)
    assert updated == 1
    assert stored(Document) == ["changed", "closed"]


def test_inside_loud_denials_a_set_is_deleted_as_a_whole_or_not(office):
    granted, other = office.document("granted"), office.document("other")
    office.grant(office.viewer, "delete", granted)

    with as_user(office.viewer):
        with pytest.raises(PermissionDenied) as told, loud_denials():
            Document.objects.all().delete()
        with loud_denials():
            Document.objects.filter(title="granted").delete()

    assert told.value.keys == (other.pk,)
    assert stored(Document) == ["other"]


def test_loud_denials_decorates_functions_and_coroutines_and_ends(office):
    office.document("closed", closed=True)

    @loud_denials()
    def change():
        Document.objects.update(title="changed")

    @loud_denials()
    async def change_async():
        await Document.objects.aupdate(title="changed")

    async def ask():
        async with as_user(office.clerk):
            await change_async()

    with as_user(office.clerk), pytest.raises(PermissionDenied):
        change()
    with pytest.raises(PermissionDenied):
        asyncio.run(ask())
    with as_user(office.clerk):
        assert Document.objects.update(title="changed") == 0


def test_loud_denials_refuses_generators():
    with pytest.raises(TypeError, match="is a generator"):

        @loud_denials()
        def rows():
            yield 1


# Transactions


@pytest.mark.parametrize("change", [Document.save, Document.delete])
def test_a_denial_breaks_the_transaction_that_it_is_in_and_a_savepoint_keeps_it(office, change):
    row = office.document(closed=True)
    with as_user(office.viewer), transaction.atomic():
        with pytest.raises(PermissionDenied), transaction.atomic():
            change(row)
        after = connection.needs_rollback
        with pytest.raises(PermissionDenied):
            change(row)
        broken = connection.needs_rollback
        transaction.set_rollback(True)

    assert (after, broken) == (False, True)


def test_a_key_of_a_row_that_is_not_shown_is_still_an_integrity_error(office):
    row = people.make(Document(title="foreign", tenant_id=office.other.pk))

    with as_user(office.clerk), pytest.raises((IntegrityError, PermissionDenied)):
        Document(pk=row.pk, title="changed", tenant_id=office.tenant.pk).save(force_insert=True)

    assert stored(Document) == ["foreign"]
