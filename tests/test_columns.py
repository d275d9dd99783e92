"""Columns that only some may read, or change: told by SQL and by the ORM, on the same rows."""

import asyncio
import contextlib
import copy
import pickle
from decimal import Decimal

import pytest
from django import forms
from django.core.management.base import CommandError
from django.db import connection, connections, models, transaction
from django.db.migrations.writer import MigrationWriter
from django.db.models import Count, F, Q, Sum
from django.test import Client
from django.test.utils import isolate_apps
from guardian.models import UserObjectPermission
from psycopg.sql import SQL, Identifier

from rls_perms import (
    ANONYMOUS,
    EVERYONE,
    ColumnPermissions,
    Group,
    Permission,
    PermissionDenied,
    Policy,
    Role,
    RowSecurity,
    as_role,
    as_system,
    as_tenant,
    as_user,
    catalog,
)
from rls_perms.checks import e002_declaration
from rls_perms.exceptions import ConfigurationError
from rls_perms.policies.constraint import declaration
from rls_perms.sync import plan
from tests import databases, kept, people
from tests.office.models import Case, Employee, Payslip, Tenant, User
from tests.settings import PROJECT
from tests.wire import round_trips

COLUMNS = [field.column for field in Employee._meta.concrete_fields]
FIELDS = {field.column: field for field in Employee._meta.concrete_fields}
TABLE = Employee._meta.db_table
#: Another value than any row has, for the columns of which no policy says what they become.
OTHER = {
    "name": "'other'",
    "salary": "7",
    "Boss": "NULL",
    "status": "'other'",
    "secret": "'other'",
}


@pytest.fixture
def office(db):
    return kept.world(Office)


class Office:
    """One row that its employee owns, one that is granted, one of nobody; another tenant's."""

    def __init__(self):
        self.tenant, self.other = people.tenant("acme"), people.tenant("bolt")
        actions = ("view", "add", "change", "delete")
        every = [f"office.{one}_employee" for one in actions]
        viewing = ["office.view_employee", "office.view_payslip"]
        of_slips = [f"office.{one}_payslip" for one in actions]
        clerks = people.group("Clerks", *every, *of_slips)
        payroll = people.group("Payroll", *viewing)
        hr = people.group("HR", "office.view_employee", "office.change_employee")
        auditors = people.group("Auditors", "office.audit_employee", "office.view_employee")
        viewers = people.group("Viewers", *viewing)
        changers = people.group("Changers", "office.change_employee")

        def user(name, *groups, permissions=(), **fields):
            return people.user(
                name, tenant=self.tenant, groups=groups, permissions=permissions, **fields
            )

        self.users = {
            one.username: one
            for one in (
                user("clerk", clerks),
                user("payroll", payroll),
                user("hr", hr),
                user("auditor", auditors),
                user("viewer", viewers),
                user("changer", changers),
                user("clerk_payroll", clerks, payroll),
                user("clerk_hr_payroll", clerks, hr, payroll),
                user("direct", permissions=["office.view_employee", "office.audit_employee"]),
                user("remover", permissions=["office.delete_employee"]),
                user("adder", permissions=["office.add_employee"]),
                user("only_audits", permissions=["office.audit_employee"]),
                user("nothing"),
                user("employee"),
                user("granted"),
                user("inactive", hr, is_active=False),
                user("boss", is_superuser=True, is_staff=True),
            )
        }
        people.make(User(username="AnonymousUser"))
        chief = people.make(self.employee("chief"))
        people.make(self.employee("ann", account=self.users["employee"], boss=chief))
        granted = people.make(self.employee("ben", boss=chief))
        people.make(self.employee("far", tenant=self.other))
        for action in ("view", "change"):
            grant = people.permission(f"office.{action}_employee")
            people.make(
                UserObjectPermission(
                    user=self.users["granted"],
                    permission=grant,
                    content_type=grant.content_type,
                    object_pk=str(granted.pk),
                )
            )
        self.rows = {one.name: one for one in Employee.objects.using("owner").order_by("pk")}
        people.make(Payslip(tenant=self.tenant, employee=self.rows["ann"], month="2026-11"))

    def employee(self, name, tenant=None, **fields):
        values = {"salary": Decimal("1000.50"), "status": "new", "secret": ""}
        return Employee(tenant=tenant or self.tenant, name=name, **{**values, **fields})

    def asker(self, name):
        return self.users.get(name, people.NOBODY)

    def as_(self, name):
        return as_user(self.asker(name), tenant=self.tenant)


ASKERS = [
    "clerk",
    "payroll",
    "hr",
    "auditor",
    "viewer",
    "changer",
    "clerk_payroll",
    "clerk_hr_payroll",
    "direct",
    "remover",
    "adder",
    "only_audits",
    "nothing",
    "employee",
    "granted",
    "inactive",
    "boss",
    "anonymous",
]


def truth(office, name, action):
    """The columns that the declaration lets *name* view or change, said without its SQL."""
    asker = office.asker(name)
    if asker.is_superuser:
        return set(COLUMNS)
    active = asker.is_active and not asker.is_anonymous
    groups = set(asker.groups.values_list("name", flat=True)) if active else set()
    held = asker.get_all_permissions() if active else set()
    found = set(COLUMNS)
    for one in declaration(Employee).policies:
        targets = getattr(one, action) if isinstance(one, ColumnPermissions) else None
        if targets is None:
            continue
        is_meant = any(
            (isinstance(target, Group) and target.name in groups)
            or (isinstance(target, Permission) and target.name in held)
            for target in targets
        )
        if not is_meant:
            found -= {Employee._meta.get_field(field).column for field in one.fields}
    return found


def rows(office, name, action):
    """The names of rows that *name* may view or change, by permission, grant and policy."""
    asker = office.asker(name)
    inside = {"chief", "ann", "ben"}
    if asker.is_superuser:
        return inside
    actions = ["view", "change", "delete"] if action == "view" else [action]
    if any(asker.has_perm(f"office.{one}_employee") for one in actions):
        return inside
    return {"employee": {"ann"}, "granted": {"ben"}}.get(name, set())


def sql(query, params=None):
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return cursor.fetchall() if cursor.description else cursor.rowcount


def stored(field, name="ann"):
    return Employee.objects.using("owner").values_list(field, flat=True).get(name=name)


# Everybody, by every way


@pytest.mark.parametrize("name", ASKERS)
def test_raw_sql_reads_the_columns_that_are_declared_for_the_asker_and_no_other(office, name):
    found, shown = set(), {}
    for column in COLUMNS:
        with office.as_(name), contextlib.suppress(PermissionDenied):
            shown[column] = len(sql(f'SELECT "{column}" FROM {TABLE}'))
            found.add(column)

    assert found == truth(office, name, "view")
    assert set(shown.values()) == {len(rows(office, name, "view"))}


@pytest.mark.parametrize("name", ASKERS)
def test_raw_sql_changes_the_columns_that_are_declared_for_the_asker_and_no_other(office, name):
    found, changed = set(), {}
    for column, value in OTHER.items():
        with contextlib.suppress(PermissionDenied, Undo), transaction.atomic():
            with office.as_(name):
                # Blind: with a WHERE, SELECT's policies would have a say.
                changed[column] = sql(f'UPDATE {TABLE} SET "{column}" = {value}')
            found.add(column)
            raise Undo

    assert found == truth(office, name, "change") & OTHER.keys()
    assert set(changed.values()) == {len(rows(office, name, "change"))}


class Undo(Exception):
    """Ends a trial: nothing of it stays."""


@pytest.mark.parametrize("name", ASKERS)
def test_the_orm_lists_what_the_asker_may_read_and_defers_the_rest(office, name):
    visible = truth(office, name, "view")
    hidden = {FIELDS[column].attname for column in COLUMNS if column not in visible}

    with office.as_(name):
        found = list(Employee.objects.all())

        assert {one.name for one in found} == rows(office, name, "view")
        assert all(one.get_deferred_fields() == hidden for one in found)
        for column in OTHER:
            for one in found:
                if column in visible:
                    getattr(one, FIELDS[column].attname)
                    continue
                with pytest.raises(PermissionDenied) as caught:
                    getattr(one, FIELDS[column].attname)
                assert f"office.Employee.{FIELDS[column].name} was not read" in str(caught.value)


@pytest.mark.parametrize("name", ASKERS)
def test_what_names_a_hidden_field_is_refused(office, name):
    visible = truth(office, name, "view")
    found = {
        column
        for column in OTHER
        for queryset in [
            Employee.objects.only(FIELDS[column].name),
            Employee.objects.values(FIELDS[column].name),
            Employee.objects.filter(**{f"{FIELDS[column].name}__isnull": True}),
            Employee.objects.order_by(FIELDS[column].attname),
        ]
        if works(office, name, lambda queryset=queryset: list(queryset.all()))
    }

    assert found == visible & OTHER.keys()


def test_a_hidden_column_is_the_first_advice_for_a_select(office):
    with office.as_("viewer"), pytest.raises(PermissionDenied) as caught:
        list(Employee.objects.values_list("salary"))

    assert str(caught.value).endswith(
        f"permission denied for table {TABLE} (office.Employee). By its ColumnPermissions not "
        "everybody may read salary, boss, secret: leave such fields out. If the statement names "
        "none, give the user the permission office.view_employee, or leave the table out of the "
        "statement."
    )


def test_a_fixed_column_is_the_first_advice_for_an_update(office):
    with office.as_("clerk"), pytest.raises(PermissionDenied) as caught:
        Employee.objects.update(status="new")

    assert (
        "(office.Employee). By its ColumnPermissions not everybody may change salary, status"
        in (str(caught.value))
    )
    assert "give the user the permission office.change_employee" in str(caught.value)


def works(office, name, run):
    said = ""
    with office.as_(name):
        try:
            run()
        except PermissionDenied as denied:
            said = str(denied)

    assert not said or "not everybody may read salary, boss, secret" in said
    return not said


@pytest.mark.parametrize("whole", ["*", TABLE, f"row_to_json({TABLE})", f"({TABLE}).salary"])
def test_a_whole_row_is_refused_where_one_column_of_it_is_hidden(office, whole):
    with office.as_("viewer"), pytest.raises(PermissionDenied, match="may read salary"):
        sql(f"SELECT {whole} FROM {TABLE}")


# What save() writes


@pytest.mark.parametrize("name", ["clerk", "hr", "clerk_hr_payroll", "employee", "changer", "boss"])
def test_save_writes_what_may_be_changed_and_leaves_the_unchanged_rest(office, name):
    with office.as_(name):
        ann = Employee.objects.get(name="ann")
        ann.name = "anne"
        ann.save()

    assert stored("name", "anne") == "anne"
    assert (stored("status", "anne"), stored("salary", "anne")) == ("new", Decimal("1000.50"))


@pytest.mark.parametrize("name", ["clerk", "employee", "changer", "clerk_payroll"])
@pytest.mark.parametrize("options", [{}, {"update_fields": ["name", "status"]}])
def test_save_refuses_to_drop_a_change_and_changes_nothing(office, name, options):
    with office.as_(name):
        ann = Employee.objects.get(name="ann")
        ann.name, ann.status = "anne", "old"
        with pytest.raises(PermissionDenied) as caught:
            ann.save(**options)

    assert "office.Employee.status was not changed" in str(caught.value)
    assert "name a group of the user's in its change=[...]" in str(caught.value)
    assert (stored("name"), stored("status")) == ("ann", "new")


@pytest.mark.parametrize("name", ["hr", "clerk_hr_payroll", "boss"])
def test_save_changes_what_the_asker_may_change(office, name):
    with office.as_(name):
        ann = Employee.objects.get(name="ann")
        ann.status = "old"
        ann.save()

    assert stored("status") == "old"


def test_a_field_that_may_be_changed_and_not_read_is_saved(office):
    with office.as_("hr"):
        ann = Employee.objects.get(name="ann")
        ann.salary = Decimal(2000)
        ann.save(update_fields=["salary"])

    assert stored("salary") == 2000


def test_a_field_that_may_be_neither_read_nor_changed_is_not_guessed(office):
    with as_system(reason="test"):
        ann = Employee.objects.get(name="ann")

    with (
        office.as_("clerk"),
        pytest.raises(PermissionDenied, match=r"office\.Employee\.s.*nor read it.*whether"),
    ):
        ann.save()


def test_a_field_that_is_seen_and_unchangeable_may_have_been_changed_meanwhile(office):
    with office.as_("clerk"):
        ann = Employee.objects.get(name="ann")
    Employee.objects.using("owner").filter(name="ann").update(status="gone")

    with office.as_("clerk"), pytest.raises(PermissionDenied, match=r"Employee\.status"):
        ann.save()

    assert stored("status") == "gone"


@pytest.mark.parametrize(
    "value", [F("status"), "new"], ids=["an expression of the same value", "the same value"]
)
def test_the_same_value_alone_is_no_change(office, value):
    with office.as_("clerk"):
        ann = Employee.objects.get(name="ann")
        ann.status = value
        ann.save(update_fields=["status"])

    assert stored("status") == "new"


@pytest.mark.parametrize("value", ["New", "new ", ""])
def test_a_text_that_differs_by_a_byte_is_a_change(office, value):
    with office.as_("clerk"):
        ann = Employee.objects.get(name="ann")
        ann.status = value
        with pytest.raises(PermissionDenied, match=r"Employee\.status"):
            ann.save()


def test_a_decimal_is_compared_as_a_number_and_null_as_itself(office):
    with office.as_("clerk_payroll"):
        ann = Employee.objects.get(name="ann")
        ann.salary = Decimal("1000.5")
        ann.save()
        ann.salary = None
        with pytest.raises(PermissionDenied, match=r"Employee\.salary"):
            ann.save()


def test_saving_a_row_that_is_not_shown_says_so(office):
    far = Employee.objects.using("owner").defer("secret", "boss").get(name="far")
    far._state.db = "default"

    with office.as_("clerk_payroll"), pytest.raises(Employee.NotUpdated):
        far.save(update_fields=["status"])


def test_bulk_update_and_update_are_refused_by_name(office):
    with office.as_("clerk"):
        found = list(Employee.objects.all())
        with pytest.raises(PermissionDenied, match="not everybody may change salary, status"):
            Employee.objects.bulk_update(found, ["status"])
        with pytest.raises(PermissionDenied, match="not everybody may change salary, status"):
            Employee.objects.update(status="new")
        assert Employee.objects.bulk_update(found, ["name"]) == 3


def test_the_add_permission_is_for_all_fields(office):
    with office.as_("clerk"):
        made = office.employee("new one", salary=5, status="odd", secret="s")
        made.tenant = None
        made.tenant_id = office.tenant.pk
        made.save()
        Employee.objects.bulk_create(
            [Employee(tenant_id=office.tenant.pk, name="two", salary=6, status="odd")]
        )
        again = Employee.objects.get(pk=made.pk)

        assert again.get_deferred_fields() == {"salary", "boss_id", "secret"}

    assert (stored("salary", "new one"), stored("salary", "two")) == (5, 6)


# Every kind of statement


def test_select_related_defers_what_the_role_may_not_read(office):
    with office.as_("viewer"):
        slip = Payslip.objects.select_related("employee").get()

        assert slip.employee.name == "ann"
        assert slip.employee.get_deferred_fields() == {"salary", "boss_id", "secret"}
    with office.as_("payroll"):
        slip = Payslip.objects.select_related("employee").get()

        assert slip.employee.salary == Decimal("1000.50")


def test_related_objects_are_prefetched_without_hidden_fields(office):
    with office.as_("viewer"):
        [slip] = Payslip.objects.prefetch_related("employee")
        [ann] = Employee.objects.filter(name="ann").prefetch_related("payslip_set")

        assert slip.employee.get_deferred_fields() == {"salary", "boss_id", "secret"}
        assert [one.month for one in ann.payslip_set.all()] == ["2026-11"]


def test_a_relation_by_a_hidden_key_is_refused_by_name(office):
    with office.as_("viewer"), pytest.raises(PermissionDenied, match=r"office\.Employee\.boss "):
        print(Employee.objects.get(name="ann").boss)


def test_aggregates_unions_and_subqueries_work_on_visible_columns(office):
    everybody = Employee.objects.all()

    with office.as_("viewer"):
        assert everybody.count() == everybody.distinct().count() == everybody[:5].count() == 3
        assert everybody.exists()
        assert len(everybody.union(everybody.filter(name="ann"))) == 3
        assert everybody.union(everybody).count() == 3
        slips = everybody.annotate(slips=Count("payslip")).order_by("name")
        assert [one.slips for one in slips] == [1, 0, 0]
        assert Payslip.objects.filter(employee__in=everybody).count() == 1
        assert everybody.in_bulk(field_name="id").keys() == {one.pk for one in everybody}
        with pytest.raises(PermissionDenied, match="not everybody may read salary"):
            everybody.aggregate(Sum("salary"))
    with office.as_("payroll"):
        assert everybody.aggregate(all=Sum("salary"))["all"] == Decimal("3001.50")


def test_defer_of_another_field_hides_too_and_it_loads_alone(office):
    with office.as_("viewer"):
        ann = Employee.objects.defer("status").get(name="ann")

        assert ann.get_deferred_fields() == {"salary", "boss_id", "secret", "status"}
        assert ann.status == "new"


def test_refresh_from_db_leaves_hidden_fields_as_they_are(office):
    with office.as_("viewer"):
        ann = Employee.objects.get(name="ann")
        whole = copy.copy(office.rows["ann"])
        whole._state.db = "default"
        ann.refresh_from_db()
        whole.refresh_from_db()

        assert ann.get_deferred_fields() == {"salary", "boss_id", "secret"}
        assert whole.salary == Decimal("1000.50")
        with pytest.raises(PermissionDenied, match="not everybody may read salary"):
            ann.refresh_from_db(fields=["salary"])


def test_raw_queries_defer_what_they_do_not_name(office):
    with office.as_("viewer"):
        [ann] = Employee.objects.raw(f"SELECT id, name FROM {TABLE} WHERE name = 'ann'")

        assert ann.status == "new"
        with pytest.raises(PermissionDenied, match=r"office\.Employee\.salary was not read"):
            print(ann.salary)
        with pytest.raises(PermissionDenied, match="not everybody may read salary"):
            list(Employee.objects.raw(f"SELECT * FROM {TABLE}"))


def test_a_field_that_is_refused_by_name_leaves_the_transaction_whole(office):
    with office.as_("viewer"), transaction.atomic():
        ann = Employee.objects.get(name="ann")
        with pytest.raises(PermissionDenied):
            print(ann.salary)

        assert Employee.objects.count() == 3


@pytest.mark.parametrize("alias", ["default", "server_side", "pooled"])
def test_cursors_of_every_kind_leave_hidden_columns_out(office, alias):
    with as_user(office.asker("viewer")):
        queryset = Employee.objects.using(alias).order_by("pk")
        in_autocommit = list(queryset.iterator(chunk_size=1))
        with transaction.atomic(using=alias):
            in_atomic = list(queryset.iterator(chunk_size=1))

        found = [*in_autocommit, *in_atomic, *queryset]

    hidden = {frozenset(one.get_deferred_fields()) for one in found}
    assert hidden == {frozenset({"salary", "boss_id", "secret"})}


def test_asynchronous_queries_leave_hidden_columns_out(office):
    async def run():
        async with office.as_("viewer"):
            return [one.get_deferred_fields() async for one in Employee.objects.all()]

    assert asyncio.run(run()) == [{"salary", "boss_id", "secret"}] * 3


def test_a_pickled_queryset_is_somebody_elses_when_they_run_it(office):
    with office.as_("viewer"):
        query = pickle.dumps(Employee.objects.filter(name="ann").query)
        rows_ = pickle.dumps(Employee.objects.filter(name="ann"))
    with office.as_("payroll"):
        queryset = Employee.objects.all()
        queryset.query = pickle.loads(query)  # noqa: S301 - our own

        assert queryset.get().salary == Decimal("1000.50")
        [ann] = pickle.loads(rows_)  # noqa: S301 - our own
        assert ann.salary == Decimal("1000.50")
    with office.as_("viewer"), pytest.raises(PermissionDenied, match=r"Employee\.salary"):
        print(pickle.loads(rows_)[0].salary)  # noqa: S301 - our own


def test_nested_contexts_each_see_their_own_columns(office):
    def hidden():
        return Employee.objects.get(name="ann").get_deferred_fields()

    with office.as_("viewer"):
        outside = hidden()
        with office.as_("payroll"):
            assert hidden() == {"boss_id", "secret"}
        with as_system(reason="test"):
            assert hidden() == set()
        with as_tenant(office.tenant):
            assert hidden() == outside
        with as_role("payroll", tenant=office.tenant):
            assert hidden() == {"boss_id", "secret"}

        assert hidden() == outside == {"salary", "boss_id", "secret"}


def test_without_a_context_the_owner_sees_all_and_the_login_nothing(office):
    assert Employee.objects.using("owner").first().get_deferred_fields() == set()
    with pytest.raises(PermissionDenied, match="the login role, without a context"):
        Employee.objects.first()


def test_a_lock_takes_visible_columns(office):
    with office.as_("clerk"), transaction.atomic():
        ann = Employee.objects.select_for_update().get(name="ann")

    assert ann.get_deferred_fields() == {"salary", "boss_id", "secret"}


def test_deleting_names_the_keys_that_refer_to_the_row(office):
    with office.as_("clerk"):
        with pytest.raises(PermissionDenied, match="not everybody may read salary, boss, secret"):
            Employee.objects.get(name="ben").delete()
        assert sql(f"DELETE FROM {TABLE} WHERE name = 'ben'") == 1


# Round trips


def counted(run, alias="default"):
    with round_trips(alias) as wire:
        run()
    return wire.count


def test_columns_are_asked_for_once_a_context_and_alias(office):
    with office.as_("viewer"):
        assert counted(lambda: list(Employee.objects.all())) == 2
        assert counted(lambda: list(Employee.objects.all())) == 1
        assert counted(lambda: list(Employee.objects.all().select_related("account"))) == 1
        with pytest.raises(PermissionDenied):
            print(Employee.objects.first().salary)
    with office.as_("viewer"):
        assert counted(lambda: list(Employee.objects.all())) == 2


def test_models_without_column_permissions_ask_for_nothing(office):
    with office.as_("clerk"):
        assert counted(lambda: list(Payslip.objects.all())) == 1
        assert counted(lambda: Employee.objects.count()) == 1
        assert counted(lambda: Employee.objects.update(name="one")) == 1


def test_who_only_reads_and_changes_what_is_free_compares_nothing(office):
    with office.as_("hr"):
        ann = Employee.objects.get(name="ann")

        assert counted(ann.save) == 1
    with office.as_("clerk"):
        ann = Employee.objects.get(name="ann")

        assert counted(ann.save) == 2


# Forms and the admin


class EmployeeForm(forms.ModelForm):
    class Meta:
        model = Employee
        fields = ["name", "status"]


def test_a_form_with_an_unchanged_field_is_saved_and_one_with_a_changed_is_denied(office):
    with office.as_("clerk"):
        ann = Employee.objects.get(name="ann")
        EmployeeForm({"name": "anne", "status": "new"}, instance=ann).save()
        with pytest.raises(PermissionDenied, match=r"Employee\.status"):
            EmployeeForm({"name": "x", "status": "old"}, instance=ann).save()

    assert (stored("name", "anne"), stored("status", "anne")) == ("anne", "new")


def test_the_admin_saves_all_fields_of_its_form(office, client_of):
    clerk = client_of("clerk")
    url = f"/admin/office/employee/{office.rows['ann'].pk}/change/"
    page = clerk.get(url)
    saved = clerk.post(url, {"name": "anne", "status": "new"})
    denied = clerk.post(url, {"name": "x", "status": "old"})

    assert (page.status_code, saved.status_code, denied.status_code) == (200, 302, 403)
    assert (stored("name", "anne"), stored("status", "anne")) == ("anne", "new")


@pytest.fixture
def client_of(office):
    def log_in(name):
        user = office.users[name]
        User.objects.using("owner").filter(pk=user.pk).update(is_staff=True)
        client = Client()
        client.force_login(user, "django.contrib.auth.backends.ModelBackend")
        return client

    return log_in


# What the database holds


def by_hand(statement):
    with people.owner_cursor() as cursor:
        cursor.execute(statement)


def privileges(role):
    """What *role* holds on the table and its columns, as PostgreSQL says it."""
    with people.owner_cursor() as cursor:
        cursor.execute(
            "SELECT privilege_type, NULL FROM information_schema.table_privileges"
            " WHERE table_name = %(table)s AND grantee = %(role)s"
            " UNION ALL SELECT one.privilege_type, attname FROM pg_attribute,"
            " aclexplode(attacl) AS one WHERE attrelid = %(table)s::regclass"
            " AND one.grantee = quote_ident(%(role)s)::regrole",
            {"table": TABLE, "role": f"{PROJECT}_{role}"},
        )
        found = {}
        for privilege, column in cursor.fetchall():
            found.setdefault(privilege, set()).add(column)
        return found


def test_privileges_are_on_columns_where_some_are_kept_and_on_the_table_elsewhere(office):
    free = {"id", "tenant_id", "name", "account_id"}

    assert privileges("clerk") == {
        "SELECT": free | {"status"},
        "UPDATE": free | {"Boss"},
        "INSERT": {None},
        "DELETE": {None},
    }
    assert privileges("payroll") == {"SELECT": free | {"status", "salary"}}
    assert privileges("hr") == {
        "SELECT": free | {"status", "Boss"},
        "UPDATE": free | {"Boss", "salary", "status"},
    }
    assert privileges("can_office_audit_employee") == {"SELECT": {"salary"}}
    assert privileges("superuser")["SELECT"] == {None}


def test_a_second_sync_has_nothing_to_do(office):
    people.nothing_to_do()


@pytest.mark.parametrize(
    "holder", ["clerk", pytest.param("everyone", marks=pytest.mark.slow), "PUBLIC"]
)
@pytest.mark.parametrize(
    "privilege",
    [
        "SELECT",
        pytest.param("UPDATE", marks=pytest.mark.slow),
        'SELECT ("Boss")',
        "UPDATE (salary)",
    ],
)
def test_a_grant_by_hand_is_taken_back_and_columns_stay(office, holder, privilege):
    before = privileges("clerk"), privileges("everyone")
    role = holder if holder == "PUBLIC" else f"{PROJECT}_{holder}"
    by_hand(f"GRANT {privilege} ON {TABLE} TO {role}")
    with pytest.raises(CommandError):
        people.nothing_to_do()

    people.sync()

    people.nothing_to_do()
    assert (privileges("clerk"), privileges("everyone")) == before
    with office.as_("clerk"):
        for column in ("salary", "Boss"):
            with pytest.raises(PermissionDenied):
                sql(f'SELECT "{column}" FROM {TABLE}')
        with pytest.raises(PermissionDenied):
            sql(f"UPDATE {TABLE} SET salary = 1")


def test_a_revoke_by_hand_is_mended(office):
    before = privileges("payroll")
    by_hand(f"REVOKE SELECT (salary) ON {TABLE} FROM {PROJECT}_payroll")

    people.sync()

    assert privileges("payroll") == before


@pytest.fixture
def table_restored(db):
    yield
    by_hand(f"ALTER TABLE {TABLE} DROP COLUMN IF EXISTS extra")
    with people.owner_cursor() as cursor:
        cursor.execute(
            "SELECT FROM pg_attribute WHERE attrelid = %s::regclass AND attname = 'wage'", [TABLE]
        )
        if cursor.fetchone() is not None:
            cursor.execute(f"ALTER TABLE {TABLE} RENAME COLUMN wage TO salary")
    people.sync()


def test_a_new_column_is_granted_by_the_next_sync(office, table_restored):
    by_hand(f"ALTER TABLE {TABLE} ADD COLUMN extra integer")
    with office.as_("viewer"), pytest.raises(PermissionDenied):
        sql(f"SELECT extra FROM {TABLE}")

    people.sync()

    with office.as_("viewer"):
        assert sql(f"SELECT extra FROM {TABLE}") == [(None,)] * 3
    people.nothing_to_do()


def test_a_table_without_a_column_that_is_kept_is_closed(office, table_restored):
    by_hand(f"ALTER TABLE {TABLE} RENAME COLUMN salary TO wage")
    [warning] = [one for one in plan(connections["owner"]).warnings if "Employee" in one]
    people.sync()

    assert "name columns that its table does not have: salary" in warning
    with office.as_("clerk"), pytest.raises(PermissionDenied):
        sql(f"SELECT wage FROM {TABLE}")
    with office.as_("clerk"), pytest.raises(PermissionDenied):
        sql(f"SELECT name FROM {TABLE}")


# Conditions on hidden columns


def test_a_policy_of_its_own_reads_a_column_that_the_asker_may_not(office):
    Employee.objects.using("owner").filter(name="ben").update(secret="gone")

    with office.as_("clerk"):
        assert sql(f"SELECT name FROM {TABLE} ORDER BY name") == [("ann",), ("chief",)]
        with pytest.raises(PermissionDenied):
            sql(f"SELECT secret FROM {TABLE}")


@pytest.fixture
def case_restored(db):
    before = Case._meta.constraints
    yield
    Case._meta.constraints = before
    declare(Case, before[0])
    people.sync()


def declare(model, declared):
    model._meta.constraints = [declared]
    with connections["owner"].schema_editor() as editor:
        editor.execute(declared.create_sql(model, editor), params=None)


def case(*policies):
    return RowSecurity(tenant="tenant", name="office_case_rls", policies=policies)


def test_every_target_is_told_by_its_role(office, case_restored):
    made = [
        (ColumnPermissions(["level"], view=EVERYONE), {"viewer"}),
        (ColumnPermissions(["level"], view=[ANONYMOUS]), {"anonymous"}),
        (ColumnPermissions(["level"], view=[Group("Viewers")]), {"viewer"}),
        (ColumnPermissions(["level"], view=[Permission("office.audit_employee")]), {"only_audits"}),
        (ColumnPermissions(["level"], view=[]), set()),
    ]
    everybody = Policy(
        "all", using=Q(), to=[EVERYONE, ANONYMOUS], permission_required=False, command="SELECT"
    )
    found = []
    for columns, _ in made:
        declare(Case, case(everybody, columns))
        people.sync()
        readers = set()
        for name in ("viewer", "only_audits", "anonymous"):
            with office.as_(name), contextlib.suppress(PermissionDenied):
                sql("SELECT level FROM office_case")
                readers.add(name)
        found.append(readers)
    people.nothing_to_do()

    assert found == [made[0][1] | {"only_audits"}, *(readers for _, readers in made[1:])]


def test_a_declaration_that_keeps_columns_no_longer_opens_them_again(office, case_restored):
    viewer = people.user("v", tenant=office.tenant, permissions=["office.view_case"])
    people.make(Case(tenant=office.tenant, level=3))
    declare(Case, case(ColumnPermissions(["level"], view=[])))
    people.sync()
    with as_user(viewer), pytest.raises(PermissionDenied):
        sql("SELECT level FROM office_case")
    with as_user(viewer):
        assert Case.objects.get().get_deferred_fields() == {"level"}

    declare(Case, case())
    with as_user(viewer), pytest.raises(PermissionDenied):
        sql("SELECT id FROM office_case")
    people.sync()

    with as_user(viewer):
        assert sql("SELECT level FROM office_case") == [(3,)]
    people.nothing_to_do()


@pytest.fixture
def reporting():
    """A role of the cluster that is not ours."""
    name = f"{PROJECT}x_reporting"
    databases.administrate(SQL("CREATE ROLE {}").format(Identifier(name)))
    yield name
    by_hand(f"REVOKE ALL ON office_case FROM {name}")
    databases.administrate(SQL("DROP ROLE {}").format(Identifier(name)))


def test_a_role_that_is_not_ours_gets_its_columns_once(office, reporting, case_restored):
    declare(Case, case(ColumnPermissions(["level"], view=[Role(reporting)])))
    people.sync()

    people.nothing_to_do()
    assert may_read(reporting, "level", "note") == [True, False]


def may_read(role, *columns):
    with people.owner_cursor() as cursor:
        cursor.execute(
            "SELECT has_column_privilege(%s, 'office_case', one, 'SELECT')"
            " FROM unnest(%s::text[]) AS one",
            [role, list(columns)],
        )
        return [answer for (answer,) in cursor.fetchall()]


# What is refused


def test_a_policy_that_reads_what_another_model_hides_is_refused(office, monkeypatch):
    before = privileges("viewers")
    rich = Policy("rich", using=Q(employee__salary__gt=5), permission_required=False)
    declared = RowSecurity(tenant="tenant", name="office_payslip_rls", policies=[rich])
    monkeypatch.setattr(Payslip._meta, "constraints", [declared])
    monkeypatch.setattr(catalog, "declarations", marked(Payslip, declared))

    with pytest.raises(ConfigurationError) as caught:
        plan(connections["owner"])

    expected = "A policy of office.Payslip reads ['salary'] of office.Employee"
    [problem] = [one for one in e002_declaration.check() if one.obj is Payslip]
    assert expected in str(caught.value)
    assert expected in problem.msg
    assert privileges("viewers") == before


def marked(model, declared):
    """The database as if *declared* had been migrated."""
    known = catalog.declarations

    def declarations(connection):
        found = known(connection)
        found["public", model._meta.db_table].marks = {declared.mark}
        return found

    return declarations


def test_a_declaration_that_is_refused_changes_nothing(office, case_restored):
    with people.owner_cursor() as cursor:
        cursor.execute(POLICIES)
        before = cursor.fetchall()
    with pytest.raises(ConfigurationError, match="names 'wage'"):
        declare(Case, case(ColumnPermissions(["wage"], view=[])))

    with people.owner_cursor() as cursor:
        cursor.execute(POLICIES)
        assert cursor.fetchall() == before


POLICIES = (
    "SELECT polname::text, obj_description(pg_policy.oid, 'pg_policy'), relacl::text"
    " FROM pg_policy JOIN pg_class ON pg_class.oid = polrelid"
    " WHERE polrelid = 'office_case'::regclass ORDER BY 1"
)
REFUSED = [
    ("wage", {"view": []}, "names 'wage', and the model has no such field"),
    ("id", {"change": []}, "names 'id', which is part of the key"),
    ("tenant_id", {"view": []}, "names 'tenant_id', which is the column of a foreign key"),
    ("made", {"view": []}, "names 'made', which has a db_default"),
    ("double", {"view": []}, "names 'double', a generated field"),
    ("double", {"change": []}, "names 'double', a generated field"),
    ("friends", {"view": []}, "names 'friends', which has no column in the model's table"),
    ("things", {"view": []}, "names 'things', which has no column in the model's table"),
]


@pytest.mark.parametrize(("name", "kept", "message"), REFUSED)
def test_what_cannot_be_kept_is_refused_by_its_name(name, kept, message):
    with isolate_apps("tests.office") as isolated:
        thing = thing_with(ColumnPermissions([name], **kept))
        problem = problem_of(isolated)
        with pytest.raises(ConfigurationError) as caught:
            declaration(thing).compiler(thing, connections["owner"], "boss")

    assert message in str(caught.value)
    assert problem.id == "rls_perms.E002"
    assert message in problem.msg


@pytest.mark.parametrize(
    "columns",
    [
        [ColumnPermissions(["level", "level"], view=[])],
        [ColumnPermissions(["level"], view=[]), ColumnPermissions(["level"], change=[])],
    ],
)
def test_a_field_that_is_named_twice_is_refused(columns):
    with isolate_apps("tests.office") as isolated:
        thing = thing_with(*columns)
        problem = problem_of(isolated)
        with pytest.raises(ConfigurationError, match="name 'level' twice"):
            declaration(thing).compiler(thing, connections["owner"], "boss")

    assert "name 'level' twice" in problem.msg


def test_a_field_of_a_parent_is_refused_and_a_db_default_that_is_seen_is_not():
    with isolate_apps("tests.office") as isolated:
        thing = thing_with(ColumnPermissions(["made"], change=[]))

        class Child(thing):
            class Meta:
                app_label = "office"
                constraints = [
                    RowSecurity(name="c", policies=[ColumnPermissions(["level"], view=[])])
                ]

        problem = problem_of(isolated)

    assert problem.obj is Child
    assert "whose column is in the table of office.Thing. Declare it there" in problem.msg


def thing_with(*columns):
    class Thing(models.Model):
        tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
        level = models.IntegerField()
        made = models.IntegerField(db_default=1)
        double = models.GeneratedField(
            expression=F("level") * 2, output_field=models.IntegerField(), db_persist=True
        )
        friends = models.ManyToManyField("self", related_name="things", symmetrical=False)

        class Meta:
            app_label = "office"
            constraints = [RowSecurity(name="thing_rls", policies=columns)]

        def __str__(self):
            return str(self.level)

    return Thing


def problem_of(isolated):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(e002_declaration, "apps", isolated)
        [problem] = e002_declaration.check()
    return problem


@pytest.mark.parametrize(
    ("arguments", "kept", "error", "message"),
    [
        (["salary"], {"view": []}, TypeError, "takes a list of names of fields"),
        ([[]], {"view": []}, TypeError, "takes a list of names of fields"),
        ([[F("salary")]], {"view": []}, TypeError, "which is no text"),
        ([["salary"]], {}, ValueError, "keeps nothing for anybody"),
        ([["salary"]], {"view": ["Payroll"]}, TypeError, r"write Group\('name'\)"),
        ([["salary"]], {"change": "HR"}, TypeError, r"change='HR'\): write Group"),
    ],
)
def test_what_says_nothing_is_refused_as_it_is_written(arguments, kept, error, message):
    with pytest.raises(error, match=message):
        ColumnPermissions(*arguments, **kept)


def test_column_permissions_are_values_that_migrations_write():
    one = ColumnPermissions(["salary", "boss"], view=Group("Payroll"), change=[])
    same = ColumnPermissions(("salary", "boss"), view=[Group("Payroll")], change=())
    others = [
        ColumnPermissions(["salary", "boss"], view=[Group("Payroll")]),
        ColumnPermissions(["salary"], view=[Group("Payroll")], change=[]),
        ColumnPermissions(["salary", "boss"], view=[Group("HR")], change=[]),
    ]
    path, arguments, kept = one.deconstruct()
    written, _ = MigrationWriter.serialize(RowSecurity(name="x", policies=[one]))

    assert path == "rls_perms.ColumnPermissions"
    assert one == same == ColumnPermissions(*arguments, **kept)
    assert hash(one) == hash(same)
    assert all(one != other for other in others)
    assert repr(one) == (
        "ColumnPermissions(['salary', 'boss'], view=[Group(name='Payroll')], change=[])"
    )
    assert "rls_perms.ColumnPermissions(['salary', 'boss'], change=[], view=" in written
