"""Whatever is declared: rows and actions follow from the rule, command by command."""

import os
import random

import pytest
from django.db import connections
from django.db.models import F, OuterRef
from guardian.models import GroupObjectPermission, UserObjectPermission
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from rls_perms import (
    ANONYMOUS,
    EVERYONE,
    ColumnPermissions,
    CurrentUser,
    Exists,
    Group,
    ObjectPermissions,
    Permission,
    Policy,
    RowSecurity,
    as_user,
)
from rls_perms.keywords import Command
from tests import people, variants
from tests.office.models import Case, Q, Room, User
from tests.trials import allowed_on, inserts, tried
from tests.truth import Truth

pytestmark = pytest.mark.usefixtures("db")

CONDITIONS = st.recursive(
    st.sampled_from(
        [
            Q(),
            Q(owner=CurrentUser()),
            Q(flag=True),
            Q(level__gt=1),
            Q(level__isnull=True),
            Q(level__in=[1, 3]),
            Q(room__name="hall"),
            Q(room__name__startswith="o'"),
            Q(room__isnull=True),
            Q(room__name__isnull=True),
            Q(owner__isnull=False),
            Q(room__pk=F("level")),
            Q(room__name__isnull=False, level__lt=3),
            Q(Exists("office.Room", Q(pk=OuterRef("room"), name="hall"))),
            # Not of "note", which a trial of UPDATE changes.
            Q(Exists("office.Room", Q(pk__gt=OuterRef("level")))),
        ]
    ),
    lambda inner: st.one_of(
        st.builds(lambda one: ~one, inner),
        st.builds(lambda one, other: one & other, inner, inner),
        st.builds(lambda one, other: one | other, inner, inner),
    ),
    max_leaves=3,
)
TARGETS = st.sampled_from(
    [
        None,
        [EVERYONE],
        [EVERYONE, ANONYMOUS],
        [ANONYMOUS],
        [Group("Managers")],
        [Group("Managers"), Group("Clerks")],
        [Permission("office.audit_task")],
        [Permission("office.audit_task"), ANONYMOUS],
    ]
)
#: A column with keepers changes nothing of rows and actions, though conditions read it.
KEEPERS = st.one_of(st.none(), st.just([]), TARGETS.filter(bool))
KEPT = (
    st.tuples(KEEPERS, KEEPERS)
    .filter(lambda one: one != (None, None))
    .map(lambda one: ColumnPermissions(["level"], view=one[0], change=one[1]))
)


@st.composite
def policies(draw):
    names = iter(("first", "second", "third"))
    found = [draw(policy(next(names))) for _ in range(draw(st.integers(0, 3)))]
    grants = draw(
        st.sampled_from(
            [None, None, ObjectPermissions(), ObjectPermissions(global_permissions=False)]
        )
    )
    columns = draw(st.one_of(st.just([]), st.lists(KEPT, min_size=1, max_size=1)))
    return [*([] if grants is None else [grants]), *found, *columns]


@st.composite
def policy(draw, name):
    permissive = draw(st.sampled_from([True, True, False]))
    return Policy(
        name,
        using=draw(CONDITIONS),
        check=draw(st.one_of(st.none(), CONDITIONS)),
        command=draw(st.lists(st.sampled_from(list(Command)), min_size=1, unique=True)),
        to=draw(TARGETS),
        permissive=permissive,
        permission_required=not permissive or draw(st.booleans()),
        trusted=draw(st.booleans()),
    )


@pytest.fixture
def office(db):
    """Users of every kind and rows of every kind, and the declaration of Case put back."""
    world = Office()
    before = Case._meta.constraints
    yield world
    Case._meta.constraints = before
    declare(before[0])


@settings(
    # More, and others each time: RLS_PERMS_EXAMPLES=1000.
    max_examples=variants.examples(plain=6, all_=30),
    derandomize="RLS_PERMS_EXAMPLES" not in os.environ,
    deadline=None,
    # Each example is a database's work: a failing one is shown as it was found.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(tenant=st.sampled_from(["tenant", "tenant", None]), policies=policies())
def test_rows_and_actions_follow_from_the_declaration(office, tenant, policies):
    declared = RowSecurity(tenant=tenant, policies=policies, name="office_case_rls")
    note(repr(declared))
    declare(declared)
    people.sync()

    assert differences(office, declared) == []


class Office:
    def __init__(self):
        choose = random.Random(7).choice
        self.tenants = [people.tenant("acme"), people.tenant("bolt")]
        acme = self.tenants[0]
        managers = people.group("Managers", "office.view_case", "office.change_case")
        clerks = people.group("Clerks", "office.add_case", "office.audit_task")
        self.users = [
            people.user("manager", tenant=acme, groups=[managers]),
            people.user("both", tenant=acme, groups=[managers, clerks]),
            people.user("clerk", tenant=acme, groups=[clerks]),
            people.user("remover", tenant=acme, permissions=["office.delete_case"]),
            people.user("viewer", tenant=acme, permissions=["office.view_case"]),
            people.user("nothing", tenant=acme),
            people.user("inactive", tenant=acme, groups=[managers], is_active=False),
            people.user("boss", tenant=acme, is_superuser=True),
        ]
        people.make(User(username="AnonymousUser"))
        rooms = [people.make(Room(name="hall")), people.make(Room(name="o'%\\x")), None]
        self.rows = [
            people.make(
                Case(
                    tenant=choose([acme, acme, self.tenants[1]]),
                    owner=choose([*self.users, None]),
                    room=choose(rooms),
                    flag=choose([True, False]),
                    level=choose([None, 1, 2, 3]),
                )
            )
            for _ in range(14)
        ]
        for row in self.rows[::2]:
            grant = people.permission(f"office.{choose(['view', 'change', 'delete'])}_case")
            fields = {
                "permission": grant,
                "content_type": grant.content_type,
                "object_pk": str(row.pk),
            }
            UserObjectPermission.objects.using("owner").create(user=choose(self.users), **fields)
            GroupObjectPermission.objects.using("owner").create(group=clerks, **fields)

    def askers(self):
        for user in User.objects.all():
            yield user, self.tenants[0]
        yield people.NOBODY, self.tenants[0]
        yield User.objects.get(username="boss"), None
        yield User.objects.get(username="both"), None


def declare(declared):
    Case._meta.constraints = [declared]
    with connections["owner"].schema_editor() as editor:
        editor.execute(declared.create_sql(Case, editor), params=None)


def differences(office, declared):
    """Each case in which the database does not do what the rule says."""
    found = []
    for asker, tenant in office.askers():
        truth = Truth(asker, tenant, declared)

        def expect(command, allowed, actual, who=str(asker)):
            if allowed != actual:
                found.append((who, str(command), allowed ^ actual))

        shown = {row.pk for row in office.rows if truth.using(row, Command.SELECT)}
        expect("SELECT", shown, tried(asker, tenant, Case, Command.SELECT, "note"))
        deleted = {row.pk for row in office.rows if truth.using(row, Command.DELETE)}
        expect("DELETE", deleted, tried(asker, tenant, Case, Command.DELETE, "note"))
        keys = [row.pk for row in office.rows]
        changed = {
            row.pk
            for row in office.rows
            if row.pk in shown
            and truth.using(row, Command.UPDATE)
            and truth.check(row, Command.UPDATE)
        }
        expect("UPDATE", changed, allowed_on(asker, tenant, Case, keys, "note"))
        added = {row.pk for row in office.rows if truth.check(row, Command.INSERT)}
        expect("INSERT", added, insertable(asker, tenant, office.rows, returning=False))
    return found


def insertable(asker, tenant, rows, *, returning):
    """The rows of which *asker* may insert a copy."""
    columns = [field for field in Case._meta.concrete_fields if not field.primary_key]
    return {
        row.pk
        for row in rows
        if inserts(
            asker,
            tenant,
            Case,
            {field.column: getattr(row, field.attname) for field in columns},
            returning=returning,
        )
    }


def test_a_new_row_is_read_back_where_no_policy_shows_it(office):
    declared = RowSecurity(
        tenant="tenant",
        policies=[Policy("none", command=Command.INSERT, using=Q(), permission_required=False)],
        name="office_case_rls",
    )
    declare(declared)
    people.sync()
    nothing = User.objects.get(username="nothing")

    with as_user(nothing):
        made = Case.objects.create(tenant=office.tenants[0])

        assert made.pk is not None
        assert Case.objects.count() == 0
