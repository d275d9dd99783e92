"""
Whatever happens in whatever order: sync is clean, rows are the rule's, nothing stays behind.

A plain run has few steps, CI's has every rule; RLS_PERMS_EXAMPLES=100 makes others each time.
"""

import os
from collections import Counter
from functools import wraps

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.db import connections, transaction
from django.test import Client, override_settings
from guardian.models import GroupObjectPermission, UserObjectPermission
from hypothesis import HealthCheck, Phase, settings, stateful
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    run_state_machine_as_test,
)

from rls_perms import PermissionDenied, as_role, as_system, as_tenant, as_user
from rls_perms.keywords import Command
from rls_perms.testing.askers import Asker
from rls_perms.testing.expected import Expected
from rls_perms.testing.rows import Rows
from tests import kept, people, variants
from tests.office.models import Contract, Document, Task, Ticket, User

EXAMPLES = variants.examples(plain=4, all_=14)
#: Others each time, and made shorter if they fail.
MANY = "RLS_PERMS_EXAMPLES" in os.environ
STEPS = 40 if MANY else variants.examples(plain=12, all_=30)
#: Whether roles follow the auth tables by themselves. Without, each step is synced before it is
#: looked at.
LIVE = True

MODELS = (Document, Contract, Task, Ticket)
PERMISSIONS = [
    f"office.{action}_{model._meta.model_name}"
    for model in MODELS
    for action in ("view", "add", "change", "delete")
] + ["office.audit_task"]
OWNER = people.OWNER
SESSION = """
SELECT current_user = session_user,
       coalesce(current_setting('rls_perms.user_id', true), ''),
       coalesce(current_setting('rls_perms.tenant_id', true), '')
"""
BARE = (True, "", "")


#: How often each rule ran.
RAN: dict[str, int] = {}


def rule(**asked):
    """A rule of Hypothesis that is counted, and leaves most of the steps to others."""

    def declare(function):
        RAN[function.__name__] = 0

        @wraps(function)
        def counted(self, **given):
            made = function(self, **given)
            self.ran[function.__name__] += 1
            RAN[function.__name__] += 1
            return made

        is_due = stateful.precondition(
            lambda self: self.ran[function.__name__] < max(2, STEPS // 10)
        )
        return is_due(stateful.rule(**asked)(counted))

    return declare


class Pooled:
    """Everything that a request asks, it asks on the pooled connection."""

    on = False

    def db_for_read(self, model, **hints):
        return "pooled" if self.on else None

    db_for_write = db_for_read

    def allow_relation(self, one, other, **hints):
        return True


ROUTER = Pooled()


class Boom(Exception):
    """What a view or a job fails with."""


class Office(RuleBasedStateMachine):
    """People with rights that change, and everything that a connection goes through."""

    users = Bundle("users")
    groups = Bundle("groups")
    rows = Bundle("rows")

    def __init__(self):
        super().__init__()
        kept.empty()
        self.count = 0
        self.ran = Counter()
        self.tenants = [people.tenant("acme"), people.tenant("bolt")]
        people.make(User(username="AnonymousUser"))
        people.sync()

    # One of each, or half of the rules have nothing to run with for a while.

    @initialize(target=groups)
    def first_groups(self):
        return multiple(people.group("Managers", "office.view_task"), people.group("Odd 0"))

    @initialize(target=users)
    def first_user(self):
        return people.user("user 0", tenant=self.tenants[0])

    @initialize(target=rows)
    def first_row(self):
        return people.make(Contract(tenant=self.tenants[0], title="t 0"))

    def name(self, what):
        self.count += 1
        return f"{what} {self.count}"

    # People and what they hold

    @rule(
        target=users,
        groups=st.lists(groups, unique_by=lambda one: one.pk, max_size=2),
        held=st.lists(st.sampled_from(PERMISSIONS), unique=True, max_size=2),
        place=st.integers(0, 1),
        boss=st.integers(0, 7).map(lambda one: one == 7),
    )
    def add_user(self, groups, held, place, boss):
        return people.user(
            self.name("user"),
            tenant=self.tenants[place],
            groups=[one for one in groups if there(one)],
            permissions=held,
            is_superuser=boss,
        )

    @rule(user=consumes(users))
    def remove_user(self, user):
        Document.objects.using(OWNER).filter(owner=user).update(owner=None)
        User.objects.using(OWNER).filter(pk=user.pk).delete()

    @rule(user=users)
    def switch_active(self, user):
        user.is_active = not user.is_active
        User.objects.using(OWNER).filter(pk=user.pk).update(is_active=user.is_active)

    @rule(target=groups, held=st.lists(st.sampled_from(PERMISSIONS), unique=True, max_size=3))
    def add_group(self, held):
        return people.group(self.name("Odd"), *held)

    @rule(group=consumes(groups))
    def remove_group(self, group):
        Group.objects.using(OWNER).filter(pk=group.pk).delete()

    @rule(group=groups)
    def rename_group(self, group):
        # The name that settings and policies say is not changed in passing.
        odd = Group.objects.using(OWNER).filter(pk=group.pk, name__startswith="Odd")
        odd.update(name=self.name("Odd"))

    @rule(user=users, group=groups)
    def switch_membership(self, user, group):
        if there(group):
            switch(User.groups.through, user_id=user.pk, group_id=group.pk)

    @rule(group=groups, held=st.sampled_from(PERMISSIONS))
    def switch_permission_of_group(self, group, held):
        if there(group):
            permission = people.permission(held)
            switch(Group.permissions.through, group_id=group.pk, permission_id=permission.pk)

    @rule(user=users, held=st.sampled_from(PERMISSIONS))
    def switch_permission_of_user(self, user, held):
        permission = people.permission(held)
        switch(User.user_permissions.through, user_id=user.pk, permission_id=permission.pk)

    # Rows and grants

    @rule(
        target=rows,
        model=st.sampled_from(MODELS),
        place=st.integers(0, 1),
        flag=st.booleans(),
        owner=st.one_of(st.none(), users),
    )
    def add_row(self, model, place, flag, owner):
        values = {"tenant": self.tenants[place]}
        if model is Document:
            values |= {"title": self.name("d"), "is_public": flag, "owner": owner}
        elif model is Task:
            values["state"] = "open" if flag else "done"
        else:
            values["title"] = self.name("t")
        return people.make(model(**values))

    @rule(row=consumes(rows))
    def remove_row(self, row):
        type(row).objects.using(OWNER).filter(pk=row.pk).delete()

    @rule(row=rows, user=users, action=st.sampled_from(["view", "change", "delete"]))
    def switch_grant_of_user(self, row, user, action):
        switch(UserObjectPermission, user_id=user.pk, **granted(row, action))

    @rule(row=rows, group=groups, action=st.sampled_from(["view", "change", "delete"]))
    def switch_grant_of_group(self, row, group, action):
        if there(group):
            switch(GroupObjectPermission, group_id=group.pk, **granted(row, action))

    @rule()
    def sync(self):
        people.sync()

    # What a connection goes through

    @rule(user=users)
    def request(self, user):
        client = Client()
        if user.is_active:
            client.force_login(user)
        ROUTER.on = True
        try:
            answer = client.get("/documents/")
        finally:
            ROUTER.on = False

        # Nobody is refused: a policy for EVERYONE and ANONYMOUS opens the table.
        assert answer.status_code == 200, answer.content
        shown = set(answer.json()["titles"])
        asker = user if user.is_active else AnonymousUser()
        tenant = user.tenant_id if user.is_active else None
        assert shown == titles(self.expected(Asker(fresh(asker), tenant)))

    @rule(user=users, alias=st.sampled_from(["default", "pooled"]))
    def an_exception_ends_a_transaction(self, user, alias):
        with pytest.raises(Boom), as_user(user, tenant=user.tenant_id):
            count_and_fail(alias)

    @rule(user=users, alias=st.sampled_from(["default", "pooled"]))
    def a_savepoint_is_rolled_back(self, user, alias):
        with as_user(user, tenant=user.tenant_id), transaction.atomic(using=alias):
            before = count(alias)
            with pytest.raises(Boom), as_system(reason="a stateful test"):
                count_and_fail(alias)

            assert count(alias) == before

    @rule(user=users, other=users, alias=st.sampled_from(["default", "pooled"]))
    def contexts_nest(self, user, other, alias):
        with as_user(user, tenant=user.tenant_id), transaction.atomic(using=alias):
            before = count(alias)
            with as_user(other, tenant=other.tenant_id):
                count(alias)
                with as_tenant(self.tenants[0]), as_role("manager"):
                    count(alias)

            assert count(alias) == before

    # What holds after each step

    @invariant()
    def sync_has_nothing_to_do(self):
        if not LIVE:
            people.sync()
        people.nothing_to_do()

    @invariant()
    def rows_are_those_of_the_rule(self):
        everybody = [*User.objects.using(OWNER).order_by("pk"), AnonymousUser()]
        rows = Rows(OWNER)
        for user in everybody:
            tenant = user.tenant_id if user.is_authenticated else self.tenants[0].pk
            expected = Expected(Asker(fresh(user), tenant), rows, "default")
            for model in MODELS:
                seen = seen_or_refused(user, model, tenant)

                assert seen == expected.allowed(model, Command.SELECT), (str(user), model)

    @invariant()
    def outside_of_a_context_is_the_bare_login(self):
        for alias in ("default", "pooled"):
            with connections[alias].cursor() as cursor:
                cursor.execute(SESSION)

                assert cursor.fetchone() == BARE, alias

    def expected(self, asker):
        return Expected(asker, Rows(OWNER), "default").allowed(Document, Command.SELECT)


def there(group):
    return Group.objects.using(OWNER).filter(pk=group.pk).exists()


def fresh(user):
    """*user* without the permissions that it remembers."""
    return User.objects.get(pk=user.pk) if user.is_authenticated else user


def switch(model, **values):
    """Make the row, or take it away if it is there."""
    found = model.objects.using(OWNER).filter(**values)
    if found.exists():
        found.delete()
    else:
        model.objects.using(OWNER).bulk_create([model(**values)])


def granted(row, action):
    permission = people.permission(f"office.{action}_{row._meta.model_name}")
    type_id = permission.content_type_id
    return {"permission_id": permission.pk, "content_type_id": type_id, "object_pk": str(row.pk)}


def titles(keys):
    found = Document.objects.using(OWNER).filter(pk__in=keys)
    return set(found.values_list("title", flat=True))


def count(alias):
    """What can be counted, on a connection; a savepoint, since it may be refused."""
    try:
        with transaction.atomic(using=alias):
            return Document.objects.using(alias).count()
    except PermissionDenied:
        return None


def count_and_fail(alias):
    with transaction.atomic(using=alias):
        count(alias)
        raise Boom


def seen_or_refused(user, model, tenant):
    try:
        return people.seen(user, model, tenant)
    except PermissionDenied:
        return set()


@pytest.mark.usefixtures("db")
def test_whatever_happens_the_rule_holds():
    RAN.update(dict.fromkeys(RAN, 0))
    with override_settings(DATABASE_ROUTERS=[ROUTER, "tests.office.router.OneDatabase"]):
        try:
            run_state_machine_as_test(
                Office,
                settings=settings(
                    max_examples=EXAMPLES,
                    stateful_step_count=STEPS,
                    derandomize=not MANY,
                    database=None,
                    deadline=None,
                    phases=[Phase.generate, Phase.shrink] if MANY else [Phase.generate],
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            connections["pooled"].close()
            connections["pooled"].close_pool()
    print(RAN)
    if variants.ALL in os.environ:
        assert [name for name, times in RAN.items() if not times] == []
