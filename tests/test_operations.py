"""Models of other apps are protected by an operation in a migration and by protect()."""

import pytest
from django.db import connections, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.optimizer import MigrationOptimizer
from django.db.migrations.writer import OperationWriter
from django.db.models import Q

from rls_perms import AddRowSecurity, Policy, RemoveRowSecurity, RowSecurity, protect
from rls_perms.exceptions import ConfigurationError, PermissionDenied
from rls_perms.policies import protected
from rls_perms.policies.constraint import declaration
from tests import people
from tests.deployments import sync_pg_roles, written
from tests.office.models import Tenant

DECLARED = RowSecurity(policies=[Policy("named", using=Q(name="shown"))])


@pytest.fixture(autouse=True)
def nothing_protected(monkeypatch):
    monkeypatch.setattr(protected, "_declared", {})


@pytest.fixture
def state():
    return MigrationLoader(None).project_state()


@pytest.fixture
def put_right(deployment):
    """The tenants' table is open again afterwards."""
    yield
    deployment.as_boss("ALTER TABLE office_tenant DISABLE ROW LEVEL SECURITY")
    deployment.as_boss("ALTER TABLE office_tenant NO FORCE ROW LEVEL SECURITY")
    sync_pg_roles()


def apply(operation, state, *, backwards=False):
    with connections["owner"].schema_editor() as editor:
        run = operation.database_backwards if backwards else operation.database_forwards
        run("office", editor, state, state)


def policies(deployment):
    return {
        name
        for (name,) in deployment.rows(
            "SELECT policyname FROM pg_policies WHERE tablename = 'office_tenant'"
        )
    }


def test_the_operation_and_protect_together_show_what_the_declaration_says(
    deployment, state, put_right
):
    row = people.make(Tenant(name="shown"))
    people.make(Tenant(name="hidden"))
    clerk = people.user("clerk", groups=[people.group("Clerks", "office.view_tenant")])
    protect("office.Tenant", DECLARED)
    apply(AddRowSecurity("office", "Tenant", DECLARED), state)
    sync_pg_roles()
    shown = people.seen(clerk, Tenant, None)
    apply(AddRowSecurity("office", "Tenant", DECLARED), state, backwards=True)
    left = policies(deployment)

    assert shown == {row.pk}
    assert left == set()


def test_a_protected_model_without_its_migration_is_closed_with_a_warning(deployment, put_right):
    clerk = people.user("another", groups=[people.group("Others", "office.view_tenant")])
    protect("office.Tenant", DECLARED)
    said = sync_pg_roles()

    assert "The policies of office.Tenant in the database are not those" in said.err
    assert "Write a migration with AddRowSecurity" in said.err
    with pytest.raises(PermissionDenied):
        people.seen(clerk, Tenant, None)


def test_removing_is_the_reverse_of_adding(deployment, state, put_right):
    apply(AddRowSecurity("office", "Tenant", DECLARED), state)
    added = policies(deployment)
    apply(RemoveRowSecurity("office", "Tenant", DECLARED), state)
    removed = policies(deployment)
    apply(RemoveRowSecurity("office", "Tenant", DECLARED), state, backwards=True)
    again = policies(deployment)
    apply(RemoveRowSecurity("office", "Tenant", DECLARED), state)

    assert "named select" in added
    assert (removed, again) == (set(), added)


def test_a_router_that_keeps_the_model_away_sends_nothing(deployment, state, settings_routers):
    with written() as statements:
        apply(AddRowSecurity("office", "Tenant", DECLARED), state)
        apply(RemoveRowSecurity("office", "Tenant", DECLARED), state)

    assert statements == []


class Nowhere:
    def allow_migrate(self, db, app_label, **hints):
        return False


@pytest.fixture
def settings_routers(monkeypatch):
    from django.db import router

    monkeypatch.setattr(router, "routers", [Nowhere()])


def test_a_router_stops_a_declaration_in_meta_too(deployment, state, settings_routers):
    with written() as statements, connections["owner"].schema_editor() as editor:
        after = state.clone()
        operation = migrations.RemoveConstraint("ticket", "office_ticket_rls")
        operation.state_forwards("office", after)
        operation.database_forwards("office", editor, state, after)
        operation.database_backwards("office", editor, after, state)

    assert statements == []


def test_the_state_of_the_other_app_does_not_change(state):
    after = state.clone()
    AddRowSecurity("office", "Tenant", DECLARED).state_forwards("mine", after)

    assert after.models["office", "tenant"] == state.models["office", "tenant"]


@pytest.mark.parametrize("operation", [AddRowSecurity, RemoveRowSecurity])
def test_an_operation_is_written_and_read_as_the_same(operation):
    one = operation("office", "Tenant", DECLARED)
    text, imports = OperationWriter(one, indentation=0).serialize()
    names = {}
    exec("\n".join(imports), names)  # noqa: S102 - what a migration file does
    names |= {"models": models}
    read = eval(text.rstrip(","), names)  # noqa: S307

    assert read.deconstruct() == one.deconstruct()
    assert text.startswith(f"rls_perms.{operation.__name__}(")


def test_squashing_takes_away_what_was_added_and_removed():
    add = AddRowSecurity("office", "Tenant", DECLARED)
    remove = RemoveRowSecurity("office", "Tenant", DECLARED)
    other = RemoveRowSecurity("office", "Tenant", RowSecurity())

    assert MigrationOptimizer().optimize([add, remove], "mine") == []
    assert MigrationOptimizer().optimize([add, other], "mine") == [add, other]
    assert MigrationOptimizer().optimize([remove, add], "mine") == [remove, add]


def test_an_operation_knows_the_model_that_it_is_about():
    operation = AddRowSecurity("office", "Tenant", DECLARED)

    assert operation.references_model("tenant", "office")
    assert not operation.references_model("tenant", "mine")
    assert operation.describe() == "Protect model office.Tenant by office_tenant_rls"
    assert operation.migration_name_fragment == "office_tenant_rls"


def test_a_model_that_the_state_lacks_is_a_missing_dependency(deployment, state):
    with pytest.raises(ConfigurationError, match="to the dependencies of this one"):
        apply(AddRowSecurity("office", "Nothing", DECLARED), state)


def test_an_operation_takes_a_declaration():
    with pytest.raises(TypeError, match=r"takes a RowSecurity\(\.\.\.\) as its last argument"):
        AddRowSecurity("office", "Tenant", Policy("x", using=Q()))


# protect()


def test_the_declaration_of_a_protected_model_has_the_name_that_meta_would_give():
    protect("office.Tenant", DECLARED)

    assert declaration(Tenant).name == "office_tenant_rls"
    assert declaration(Tenant).policies == DECLARED.policies


def test_protecting_twice_with_one_declaration_is_no_mistake():
    protect("office.Tenant", DECLARED)
    protect("office.Tenant", DECLARED)

    assert declaration(Tenant) is not None


def test_protecting_twice_with_two_declarations_is_refused():
    protect("office.Tenant", DECLARED)
    with pytest.raises(ConfigurationError, match="is called twice, with two declarations"):
        protect("office.Tenant", RowSecurity())


@pytest.mark.parametrize("label", ["Tenant", "office.", "a.b.c", None])
def test_a_label_is_an_app_and_a_model(label):
    with pytest.raises(ConfigurationError, match=r"Write 'app_label\.Model'"):
        protect(label, DECLARED)


@pytest.mark.parametrize(
    ("label", "says"),
    [
        ("office.Nothing", "names no installed model"),
        ("nothing.Tenant", "names no installed model"),
        ("office.Ticket", "declares row security itself"),
    ],
)
def test_a_model_that_cannot_be_protected_stops_the_start(label, says):
    protect(label, DECLARED)
    with pytest.raises(ConfigurationError, match=says):
        protected.check_protected()


def test_a_declaration_of_the_projects_own_class_is_one_of_the_model_too(monkeypatch):
    own = type("Own", (RowSecurity,), {})(name="own")
    monkeypatch.setattr(Tenant._meta, "constraints", [own])
    protect("office.Tenant", DECLARED)

    with pytest.raises(ConfigurationError, match=r"declares row security itself \(own\)"):
        protected.check_protected()
