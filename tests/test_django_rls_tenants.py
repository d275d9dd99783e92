"""contrib.django_rls_tenants: that library's names, what they mean here, what is refused."""

import asyncio
import importlib
import logging
from types import SimpleNamespace

import pytest
from asgiref.sync import async_to_sync
from django.contrib.admin import AdminSite
from django.contrib.auth.models import AbstractUser
from django.db import connections, models
from django.db.migrations.state import ModelState, ProjectState
from django.db.models import Q
from django.test import override_settings
from django.test.utils import isolate_apps

from rls_perms import (
    SELECT,
    CurrentTenant,
    Exists,
    NoContext,
    PermissionDenied,
    Policy,
    RowSecurity,
    as_system,
    as_user,
    current_context,
)
from rls_perms.context import Asker
from rls_perms.contrib.django_rls_tenants import (
    RawPredicate,
    RLSConstraint,
    RLSM2MConstraint,
    RLSProtectedModel,
    RLSTenantMiddleware,
    RLSTenantModelAdmin,
    SharedWith,
    TenantField,
    admin_context,
    async_admin_context,
    async_tenant_context,
    clear_tenant_selection,
    current_tenant_value_sql,
    safe_tenant_sql,
    switch_tenant,
    tenant_context,
    with_rls_context,
)
from rls_perms.contrib.django_rls_tenants import conf as their_conf
from rls_perms.contrib.django_rls_tenants.exceptions import (
    NoTenantContextError,
    RLSConfigurationError,
    RLSTenantError,
)
from rls_perms.contrib.django_rls_tenants.operations import (
    AddM2MRLSPolicy,
    AddRLSPolicy,
    RemoveRLSPolicy,
)
from rls_perms.contrib.django_rls_tenants.rls.constraints import WHOLE_TENANT
from rls_perms.contrib.django_rls_tenants.tenants.managers import RLSManager
from rls_perms.contrib.django_rls_tenants.tenants.state import (
    get_current_tenant_id,
    get_rls_context_active,
)
from rls_perms.contrib.django_rls_tenants.tenants.testing import (
    aassert_rls_enabled,
    assert_rls_blocks_without_context,
    assert_rls_enabled,
    assert_rls_enforced,
    assert_rls_policy_exists,
    rls_as_tenant,
    rls_bypass,
)
from rls_perms.contrib.django_rls_tenants.tenants.users import user_tenant
from rls_perms.exceptions import ConfigurationError, RlsPermsError
from rls_perms.middleware import SetRoleMiddleware
from rls_perms.policies.constraint import declaration
from tests import people
from tests.declaring import declared
from tests.office.models import Project, Tenant, Ticket
from tests.settings import RLS_PERMS

HERE = "rls_perms.contrib.django_rls_tenants"
AUDIT = "rls_perms.audit"


def of_tenant(user, tenant_id, *, is_tenant_admin=False):
    """The properties that django-rls-tenants asks of a user."""
    user.rls_tenant_id = tenant_id
    user.is_tenant_admin = is_tenant_admin
    return user


@pytest.fixture(scope="module")
def protected(deployed):
    """Projects are as an RLSProtectedModel: everybody in a tenant has all of its rows."""
    whole = RowSecurity(tenant="tenant", policies=[WHOLE_TENANT], name="office_project_rls")
    with declared((Project, whole)):
        yield


@pytest.fixture
def firm(protected, db):
    """A project of each of two tenants, a user of one of them, and one for both."""
    acme, bolt = people.tenant("acme"), people.tenant("bolt")
    for tenant in (acme, bolt):
        people.make(Project(tenant=tenant, name=f"project of {tenant.name}"))
    return SimpleNamespace(
        acme=acme,
        bolt=bolt,
        ann=of_tenant(people.user("ann", tenant=acme), acme.pk),
        boss=of_tenant(people.user("boss", is_superuser=True), None, is_tenant_admin=True),
    )


def names():
    return [project.name for project in Project.objects.all()]


# Contexts


def test_a12_tenant_context_is_whoever_is_signed_in_in_a_tenant(firm):
    with tenant_context(firm.acme.pk):
        context = current_context()
        inside = names()

    assert (context.asker, context.role, context.user) == (Asker.ROLE, "everyone", None)
    assert inside == ["project of acme"]
    assert current_context() is None


def test_a12_tenant_context_shows_nothing_that_asks_for_a_permission(firm):

    with pytest.raises(PermissionDenied), tenant_context(firm.acme.pk):
        Ticket.objects.count()


def test_a12_tenant_context_counts_wherever_it_is_entered(firm):
    with as_user(firm.boss), tenant_context(firm.bolt):
        inside = names()

    assert inside == ["project of bolt"]


def test_a12_admin_context_is_the_system_and_says_where_it_was_entered(firm, caplog):
    with caplog.at_level(logging.INFO, AUDIT), admin_context():
        inside = names()

    assert inside == ["project of acme", "project of bolt"]
    assert f"admin_context() in {__name__}, line " in caplog.text


def test_a12_admin_context_takes_a_reason(caplog):
    with caplog.at_level(logging.INFO, AUDIT), admin_context(reason="nightly invoices"):
        pass

    assert "nightly invoices" in caplog.text


def test_a12_contexts_nest_and_an_error_leaves_each():
    with pytest.raises(KeyError), tenant_context(1), admin_context(), tenant_context(2):
        raise KeyError

    assert current_context() is None


def test_a12_contexts_are_for_coroutines_as_well():
    async def run():
        async with async_tenant_context(1):
            inner = get_current_tenant_id()
            async with async_admin_context():
                innermost = get_current_tenant_id()
        return inner, innermost, current_context()

    assert asyncio.run(run()) == (1, None, None)


def test_a12_tasks_side_by_side_keep_their_tenants():
    async def one(tenant):
        async with async_tenant_context(tenant):
            await asyncio.sleep(0)
            return get_current_tenant_id()

    async def both():
        return await asyncio.gather(one(1), one(2))

    assert asyncio.run(both()) == [1, 2]


def test_a12_no_tenant_is_refused():
    with pytest.raises(NoTenantContextError, match="says no tenant"):
        tenant_context(None)


@pytest.mark.parametrize(
    "enter", [lambda: tenant_context(1, using="replica"), lambda: admin_context(using="replica")]
)
def test_an_alias_on_which_no_context_counts_is_refused(enter):
    with pytest.raises(RLSConfigurationError, match="using='replica' is none of"):
        enter()


def test_the_tenant_is_told_as_its_model_holds_it():
    with tenant_context("7"):
        assert (get_current_tenant_id(), get_rls_context_active()) == (7, True)

    assert (get_current_tenant_id(), get_rls_context_active()) == (None, False)


# The decorator


def test_a12_with_rls_context_runs_as_the_user_of_its_parameter(firm):
    @with_rls_context
    def report(as_user):
        return names(), current_context().user

    assert report(firm.ann) == (["project of acme"], str(firm.ann.pk))
    assert report(as_user=firm.boss)[0] == ["project of acme", "project of bolt"]


def test_a12_with_rls_context_finds_a_parameter_of_another_name(firm):
    @with_rls_context(user_param="reader")
    def report(reader, what=None):
        return names()

    assert report(firm.ann) == ["project of acme"]


def test_a12_the_setting_names_the_parameter(firm):
    with override_settings(RLS_TENANTS={"USER_PARAM_NAME": "current_user"}):

        @with_rls_context
        def report(current_user):
            return names()

    assert report(firm.ann) == ["project of acme"]


def test_a12_with_rls_context_is_for_coroutines_as_well(firm):
    @with_rls_context
    async def report(as_user):
        return [project.name async for project in Project.objects.all()]

    assert async_to_sync(report)(firm.ann) == ["project of acme"]


def test_a12_without_a_user_the_decorator_runs_as_nobody(firm, caplog):
    @with_rls_context
    def report(as_user=None):
        return current_context()

    with as_system(reason="around it"):
        context = report()

    assert (context.asker, context.tenant) == (Asker.ANONYMOUS, None)
    assert "runs as nobody" in caplog.text


def test_a12_a_decorated_function_without_the_parameter_is_warned_of(caplog):
    with_rls_context(lambda order: None)

    assert "has no parameter 'as_user'" in caplog.text


def test_a12_the_decorator_refuses_generators():
    def rows(as_user):
        yield 1

    async def soon(as_user):
        yield 1

    with pytest.raises(TypeError, match=r"rows\(\), which is a generator"):
        with_rls_context(rows)
    with pytest.raises(TypeError, match=r"soon\(\), which is a generator"):
        with_rls_context(soon)


def test_a12_the_decorator_refuses_a_coroutine_of_a_function_that_is_none(firm):
    async def body():
        return names()

    @with_rls_context
    def report(as_user):
        return body()

    with pytest.raises(TypeError, match="returned a coroutine and is no coroutine function"):
        report(firm.ann)


def test_a_user_without_a_tenant_is_refused(firm):
    nobody = of_tenant(people.user("nobody"), None)

    with pytest.raises(NoTenantContextError, match="rls_tenant_id=None"):
        with_rls_context(lambda as_user: names())(nobody)


def test_a_tenant_admin_who_is_no_superuser_is_refused(firm):
    admin = of_tenant(people.user("admin"), None, is_tenant_admin=True)

    with pytest.raises(RLSConfigurationError, match="is no superuser"):
        with_rls_context(lambda as_user: names())(admin)


def test_what_is_no_user_is_refused(firm):
    stranger = SimpleNamespace(rls_tenant_id=firm.acme.pk, is_tenant_admin=False)

    with pytest.raises(ValueError, match="takes a user"):
        with_rls_context(lambda as_user: names())(stranger)


def test_the_resolver_answers_what_the_users_properties_say(firm):
    assert user_tenant(SimpleNamespace(user=firm.ann)) == firm.acme.pk
    assert user_tenant(SimpleNamespace(user=firm.boss)) is None
    assert user_tenant(SimpleNamespace(user=people.NOBODY)) is None


def test_the_middleware_is_that_of_rls_perms():
    assert RLSTenantMiddleware is SetRoleMiddleware


# Managers


@pytest.fixture
def manager():
    """An RLSManager on a model of ours."""
    found = RLSManager()
    found.model, found.name = Project, "rls"
    return found


def test_a13_for_user_is_lazy_and_runs_as_the_user(firm, manager):
    rows = manager.for_user(firm.ann).order_by("name")

    assert [row.name for row in rows] == ["project of acme"]
    assert manager.for_user(as_user=firm.boss).count() == 2
    assert current_context() is None


def test_a13_for_user_takes_the_tenant_that_the_property_says(firm, manager):
    of_tenant(firm.ann, firm.bolt.pk)

    assert [row.name for row in manager.for_user(firm.ann)] == ["project of bolt"]


def test_a13_for_user_refuses_a_user_without_a_tenant_at_once(firm, manager):
    with pytest.raises(NoTenantContextError):
        manager.for_user(of_tenant(firm.ann, None))


def test_a_key_becomes_the_column_of_the_tenant():
    data = {"tenant": 3, "name": "new"}
    RLSManager().prepare_tenant_in_model_data(data, as_user=None)

    assert data == {"tenant_id": 3, "name": "new"}


def test_a_tenant_stays_a_tenant():
    tenant = Tenant(pk=3)
    data = {"tenant": tenant}
    RLSManager().prepare_tenant_in_model_data(data, as_user=None)

    assert data == {"tenant": tenant}


# Choosing a tenant, and the admin


def request_of(user):
    return SimpleNamespace(user=user, session={})


def from_session():
    return override_settings(
        RLS_PERMS={**RLS_PERMS, "TENANT_RESOLVER": "rls_perms.resolvers.from_session"}
    )


def test_a_chosen_tenant_is_kept_in_the_session_until_it_is_taken_back(firm):
    request = request_of(firm.boss)

    with from_session():
        chosen = switch_tenant(request, str(firm.bolt.pk))
        kept = dict(request.session)
        clear_tenant_selection(request)

    assert chosen == firm.bolt.pk
    assert [one["tenant"] for one in kept.values()] == [str(firm.bolt.pk)]
    assert request.session == {}


def test_a_tenant_of_others_cannot_be_chosen(firm):
    request = request_of(firm.ann)

    with from_session(), pytest.raises(PermissionDenied):
        switch_tenant(request, firm.bolt.pk)

    assert request.session == {}


def test_choosing_a_tenant_that_nothing_reads_is_refused(firm):
    request = request_of(firm.boss)

    with pytest.raises(ConfigurationError, match=r"would count for nothing\. Write 'rls_perms\."):
        switch_tenant(request, firm.bolt.pk)

    assert request.session == {}


def test_a27_the_admin_shows_the_tenant_of_each_row_where_all_are_shown(firm):
    shown = RLSTenantModelAdmin(Project, AdminSite())

    with as_user(firm.boss):
        assert list(shown.get_list_display(None)) == ["__str__", "tenant"]
    with as_user(firm.ann):
        assert list(shown.get_list_display(None)) == ["__str__"]


# Raw SQL


def of_sql(condition):
    with connections["default"].cursor() as cursor:
        cursor.execute(f"SELECT name FROM office_project WHERE {condition} ORDER BY name")
        return [name for (name,) in cursor.fetchall()]


def test_a_condition_for_raw_sql_is_the_tenants(firm):
    with tenant_context(firm.acme.pk):
        assert of_sql(safe_tenant_sql()) == ["project of acme"]
        assert of_sql(safe_tenant_sql(table="office_project")) == ["project of acme"]


def test_a_condition_for_raw_sql_lets_the_system_have_all_unless_it_is_left_out(firm):
    with admin_context():
        assert of_sql(safe_tenant_sql()) == ["project of acme", "project of bolt"]
        assert of_sql(safe_tenant_sql(include_admin=False)) == []


def test_a_condition_for_raw_sql_holds_by_itself(firm):
    with connections["owner"].cursor() as cursor:  # whom policies let through
        cursor.execute(f"SELECT count(*) FROM office_project WHERE {safe_tenant_sql()}")

        assert cursor.fetchone() == (0,)


def test_the_tenant_is_a_value_for_raw_sql(firm):
    with tenant_context(firm.acme.pk), connections["default"].cursor() as cursor:
        cursor.execute(f"SELECT {current_tenant_value_sql()}")

        assert cursor.fetchone() == (firm.acme.pk,)


def test_no_flag_lets_rows_through():
    with pytest.raises(ConfigurationError, match="no flag lets rows through"):
        safe_tenant_sql(extra_bypass_flags=["rls.is_login_request"])


def test_a_name_in_a_condition_is_quoted():
    assert safe_tenant_sql('a" OR true --', include_admin=False).startswith('"a"" OR true --" = ')


# Models and constraints


@isolate_apps("tests.office")
def test_a2_whatever_its_meta_says_a_protected_model_is_the_whole_tenants():
    class Inheriting(RLSProtectedModel):
        class Meta(RLSProtectedModel.Meta):
            app_label = "office"

    class Alone(RLSProtectedModel):
        class Meta:
            app_label = "office"
            constraints = [models.UniqueConstraint(fields=["tenant"], name="one")]

    for model in (Inheriting, Alone):
        found = declaration(model)
        assert (found.tenant, found.policies) == ("tenant", (WHOLE_TENANT,))
        assert isinstance(model.objects, RLSManager)


@isolate_apps("tests.office")
def test_a_user_model_is_refused_as_a_protected_one():
    with pytest.raises(ConfigurationError, match="User is a user model and an RLSProtectedModel"):

        class User(AbstractUser, RLSProtectedModel):
            class Meta:
                app_label = "office"


@isolate_apps("tests.office")
def test_a3_a_constraint_of_that_library_becomes_row_security():
    class Order(models.Model):  # noqa: DJ008
        tenant = models.ForeignKey("office.Tenant", models.CASCADE)

        class Meta:
            app_label = "office"
            constraints = [
                models.UniqueConstraint(fields=["tenant"], name="one"),
                RLSConstraint(field="tenant", name="x", tenant_pk_type="uuid"),
            ]

    assert [one.name for one in Order._meta.constraints] == ["one", "office_order_rls"]
    assert declaration(Order) == RowSecurity(
        tenant="tenant", policies=[WHOLE_TENANT], name="office_order_rls"
    )
    # Migrations are written of these.
    assert ModelState.from_model(Order).options["constraints"] == Order._meta.constraints


@isolate_apps("tests.office")
def test_a3_a_constraint_beside_the_base_is_said_once():
    class Order(RLSProtectedModel):
        class Meta:
            app_label = "office"
            constraints = [RLSConstraint(field="tenant", name="%(class)s_rls_constraint")]

    (found,) = Order._meta.constraints
    assert found.policies == (WHOLE_TENANT,)


@isolate_apps("tests.office")
def test_a31_predicates_become_a_policy_that_shares_reading():
    class Order(models.Model):  # noqa: DJ008
        tenant = models.ForeignKey("office.Tenant", models.CASCADE)
        partner = models.ForeignKey("office.Tenant", models.CASCADE, related_name="+")

        class Meta:
            app_label = "office"
            constraints = [
                RLSConstraint(
                    field="tenant",
                    name="x",
                    extra_predicates=[
                        TenantField("partner"),
                        SharedWith(through="office.Share", fk="order", tenant_fk="to"),
                    ],
                )
            ]

    found = declaration(Order).policies[1]
    assert (found.commands, found.shared, found.permission_required) == ((SELECT,), True, False)
    ours, through = found.using.children
    assert ours == ("partner", CurrentTenant())
    assert isinstance(through, Exists)


def test_a31_a_raw_predicate_is_sql_as_it_is_written(db):
    acme, bolt = people.tenant("acme"), people.tenant("bolt")
    for tenant, name in ((acme, "anvil"), (bolt, "awl"), (bolt, "bolt")):
        people.make(Project(tenant=tenant, name=name))
    past = RLSConstraint(
        field="tenant", name="x", extra_predicates=[RawPredicate("name LIKE 'a%'")]
    )
    wanted = past.row_security(Project)
    wanted.name = "office_project_rls"

    with declared((Project, wanted)), tenant_context(acme):
        assert sorted(names()) == ["anvil", "awl"]


def test_a31_a_raw_predicate_on_a_setting_that_nothing_sets_is_refused():
    with pytest.raises(ConfigurationError, match=r"rls_perms\.tenant_id\(\)"):
        RawPredicate("partner_id = current_setting('rls.current_tenant')::int").condition()


@isolate_apps("tests.office")
def test_a10_a_constraint_on_links_has_both_ends():
    class Link(models.Model):  # noqa: DJ008
        order = models.ForeignKey("office.Order", models.CASCADE, db_column="the_order")
        label = models.ForeignKey("office.Label", models.CASCADE)

        class Meta:
            app_label = "office"
            constraints = [
                RLSM2MConstraint(
                    name="x",
                    from_model="office.Order",
                    to_model="office.Label",
                    from_fk="the_order",
                    to_fk="label_id",
                    to_tenant_fk="owner",
                )
            ]

    both = Q(label__owner=CurrentTenant())
    assert declaration(Link) == RowSecurity(
        tenant="order__tenant",
        policies=[Policy("tenant", using=both, permission_required=False)],
        name="office_link_rls",
    )


@isolate_apps("tests.office")
def test_bypass_flags_of_a_model_are_refused():
    with pytest.raises(ConfigurationError, match=r"office\.Order: .*extra_bypass_flags"):

        class Order(models.Model):  # noqa: DJ008
            class Meta:
                app_label = "office"
                constraints = [
                    RLSConstraint(field="tenant", name="x", extra_bypass_flags=["rls.login"])
                ]


@isolate_apps("tests.office")
def test_two_floors_of_a_model_are_refused():
    with pytest.raises(ConfigurationError, match="more than one tenant's key: 'other', 'tenant'"):

        class Order(RLSProtectedModel):
            class Meta:
                app_label = "office"
                constraints = [RLSConstraint(field="other", name="x")]


# What migrations hold

PAST = RLSConstraint(field="tenant", name="x", extra_bypass_flags=["rls.login"])


def test_an_old_migration_has_its_constraint_as_it_was_written():
    path, args, kwargs = PAST.deconstruct()

    assert (path, args) == (f"{HERE}.rls.constraints.RLSConstraint", ())
    assert kwargs == {"field": "tenant", "name": "x", "extra_bypass_flags": ["rls.login"]}
    assert PAST.clone() == PAST
    assert RLSConstraint(field="tenant", name="x") != PAST


def test_a_model_of_a_migration_keeps_its_constraint():
    state = ProjectState()
    fields = [("id", models.BigAutoField(primary_key=True))]
    state.add_model(ModelState("past", "Order", fields, options={"constraints": [PAST]}))

    assert state.apps.get_model("past", "Order")._meta.constraints == [PAST]


POLICY = """
CREATE POLICY office_ticket_tenant_isolation_policy ON office_ticket USING (true);
CREATE POLICY office_ticket_tenant_sharing_policy ON office_ticket FOR SELECT USING (true);
"""


def policies():
    with people.owner_cursor() as cursor:
        cursor.execute(
            "SELECT policyname FROM pg_policies WHERE tablename = 'office_ticket'"
            " AND policyname ~ '_(tenant_isolation|tenant_sharing)_policy$'"
        )
        return [name for (name,) in cursor.fetchall()]


@pytest.fixture
def old_policies(db):
    """What django-rls-tenants made on a table."""
    with people.owner_cursor() as cursor:
        cursor.execute(POLICY)
    yield
    with people.owner_cursor() as cursor:
        for name in policies():
            cursor.execute(f"DROP POLICY {name} ON office_ticket")


def is_secured(table):
    with people.owner_cursor() as cursor:
        cursor.execute(
            "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE relname = %s",
            [table],
        )
        return cursor.fetchone()[0]


def test_removing_an_old_constraint_drops_its_policies(old_policies):
    with connections["owner"].schema_editor() as editor:
        editor.remove_constraint(Ticket, PAST)

    assert policies() == []
    assert is_secured("office_ticket")


def test_removing_an_old_constraint_drops_the_policies_of_links_on_either_side(deployed):
    key = ("id", models.BigAutoField(primary_key=True))
    labels = ("labels", models.ManyToManyField("past.Label"))
    state = ProjectState()
    state.add_model(ModelState("past", "Label", [key]))
    state.add_model(ModelState("past", "Order", [key, labels]))

    with connections["owner"].schema_editor(collect_sql=True) as editor:
        for name in ("Label", "Order"):
            editor.remove_constraint(state.apps.get_model("past", name), PAST)

    drop = 'DROP POLICY IF EXISTS "past_order_labels_m2m_rls_policy" ON "past_order_labels";'
    assert "\n".join(editor.collected_sql).count(drop) == 2


def test_adding_an_old_constraint_makes_no_policy(db):
    with connections["owner"].schema_editor() as editor:
        editor.add_constraint(Ticket, PAST)

    assert policies() == []


def run(operation):
    """Run *operation* of a migration of the firm."""
    state = ProjectState()
    for model in (Ticket, Project):
        state.add_model(ModelState.from_model(model, exclude_rels=True))
    with connections["owner"].schema_editor() as editor:
        operation.database_forwards("office", editor, state, state)


def test_removing_the_policies_of_another_apps_table(old_policies):
    run(RemoveRLSPolicy("Ticket"))

    assert policies() == []
    assert is_secured("office_ticket")


def test_an_old_operation_closes_the_table_of_another_app(firm):
    with people.owner_cursor() as cursor:
        cursor.execute("ALTER TABLE office_project DISABLE ROW LEVEL SECURITY")

    run(AddRLSPolicy("Project", app_label="office"))

    assert is_secured("office_project")
    assert policies() == []


def test_old_operations_stand_in_migrations_as_they_were_written():
    links = AddM2MRLSPolicy("t", "a.A", "b.B", "a_id", "b_id", to_tenant_fk=None)

    assert AddRLSPolicy("Book", app_label="library").deconstruct() == (
        "AddRLSPolicy",
        [],
        {"model_name": "Book", "field": "tenant", "app_label": "library"},
    )
    assert links.deconstruct()[2]["to_tenant_fk"] is None
    assert "t" in links.describe()


# Test utilities


def test_a24_utilities_pass_on_a_protected_table(firm):
    assert_rls_enabled("office_project")
    assert_rls_policy_exists("office_project")
    assert_rls_policy_exists("office_project", "tenant select")
    assert_rls_blocks_without_context(Project)
    with rls_as_tenant(firm.acme.pk):
        assert_rls_enforced()
        assert names() == ["project of acme"]
    with rls_bypass():
        assert names() == ["project of acme", "project of bolt"]


def test_a24_utilities_are_for_coroutines_as_well(firm):
    async_to_sync(aassert_rls_enabled)("office_project")

    with pytest.raises(AssertionError, match="not enabled"):
        async_to_sync(aassert_rls_enabled)("django_session")


@pytest.mark.parametrize(
    ("claim", "says"),
    [
        (lambda: assert_rls_enabled("no_table"), "no table 'no_table'"),
        (lambda: assert_rls_enabled("django_session"), "not enabled on 'django_session'"),
        (lambda: assert_rls_policy_exists("django_session"), "no.* have a policy of rls_perms"),
        (
            lambda: assert_rls_policy_exists("office_project", "office_project_tenant_isolation"),
            "no.* have the policy 'office_project_tenant_isolation'",
        ),
        (lambda: assert_rls_enforced(using="owner"), "owns protected tables"),
        (lambda: assert_rls_blocks_without_context(Project), r"office\.Project has no row"),
        (lambda: assert_rls_blocks_without_context(Tenant), r"1 rows of office\.Tenant are shown"),
    ],
)
def test_a24_utilities_fail_where_it_is_not_so(db, claim, says):
    people.tenant("acme")
    people.sync()

    with pytest.raises(AssertionError, match=says):
        claim()


# Settings and exceptions


@pytest.mark.parametrize("key", [*their_conf.INSTEAD, "USER_PARAM_NAMES", "NONSENSE"])
def test_a_setting_that_counts_no_more_is_refused(key):
    with (
        override_settings(RLS_TENANTS={key: "x"}),
        pytest.raises(ConfigurationError, match=rf"RLS_TENANTS\['{key}'\] is 'x'"),
    ):
        their_conf.user_param_name()


def test_a_parameter_that_can_be_none_is_refused():
    with (
        override_settings(RLS_TENANTS={"USER_PARAM_NAME": "as user"}),
        pytest.raises(ConfigurationError, match="must be the name of a parameter"),
    ):
        their_conf.user_param_name()


def test_exceptions_are_those_of_rls_perms():
    assert (NoTenantContextError, RLSConfigurationError, RLSTenantError) == (
        NoContext,
        ConfigurationError,
        RlsPermsError,
    )


# Celery


def test_a25_a_task_runs_as_whoever_sent_it():
    ours = pytest.importorskip("rls_perms.contrib.celery", reason="it comes with another branch")
    celery = importlib.import_module(f"{HERE}.contrib.celery")

    @celery.rls_task
    def tenant():
        return get_current_tenant_id()

    @celery.rls_task(bind=True)
    def named(self):
        return self.name

    with tenant_context(3):
        assert tenant.apply().get() == 3
    assert celery.RLSTask is ours.ContextTask
    assert isinstance(named, ours.ContextTask)
