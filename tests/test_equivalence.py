"""What PostgreSQL allows is what Django's permission framework and the policies allow."""

import random
import uuid

import pytest
from guardian.backends import ObjectPermissionBackend
from guardian.models import GroupObjectPermission, UserObjectPermission

from rls_perms.keywords import Command
from tests import people
from tests.office.models import Contract, Document, Project, Tag, Task, Ticket, User
from tests.trials import inserts, tried

pytestmark = pytest.mark.usefixtures("db")

MODELS = {
    Ticket: "title",
    Project: "name",
    Document: "title",
    Contract: "title",
    Tag: "note",
    Task: "note",
}
ACTIONS = ("view", "add", "change", "delete")
SHOWN = ("view", "change", "delete")
EDITS = (Command.SELECT, Command.UPDATE, Command.DELETE)


class Truth:
    """Django's answer: has_perm with guardian, and the declarations, said again by hand."""

    def __init__(self, asker, tenant, known):
        #: (user, model, key) -> actions that guardian grants, so that each is asked once.
        self.known = known
        self.asker = asker
        self.tenant = tenant
        self.active = asker.is_active and not asker.is_anonymous
        self.own_key = asker.pk if self.active else None
        self.groups = set(asker.groups.values_list("name", flat=True)) if self.active else set()
        self.permissions = asker.get_all_permissions()
        self.backend = ObjectPermissionBackend()

    def has(self, model, *actions):
        name = model._meta.model_name
        return any(f"office.{one}_{name}" in self.permissions for one in actions)

    def granted(self, row, *actions):
        key = self.asker.pk, type(row), row.pk
        if key not in self.known:
            name = row._meta.model_name
            self.known[key] = {
                one for one in ACTIONS if self.backend.has_perm(self.asker, f"{one}_{name}", row)
            }
        return bool(self.known[key] & {*actions})

    def allows(self, row, action):
        if self.active and self.asker.is_superuser:
            return self.tenant is None or self.in_tenant(row)
        return self.in_tenant(row) and getattr(self, type(row).__name__.lower())(row, action)

    def in_tenant(self, row):
        if not hasattr(row, "tenant_id"):
            return True
        return self.tenant is not None and row.tenant_id == self.tenant.pk

    def needed(self, action):
        """Rows are shown by view, change or delete alike."""
        return SHOWN if action == "view" else (action,)

    def ticket(self, row, action):
        return self.has(Ticket, *self.needed(action))

    def project(self, row, action):
        own = self.own_key is not None and row.owner_id == self.own_key
        return own and self.has(Project, *self.needed(action))

    def document(self, row, action):
        own = self.own_key is not None and row.owner_id == self.own_key
        if action == "add":
            return self.has(Document, "add")
        if action == "change" and row.closed:
            return False
        if self.has(Document, *self.needed(action)) or self.granted(row, *self.needed(action)):
            return True
        return (own and action in ("view", "change")) or (row.is_public and action == "view")

    def contract(self, row, action):
        if action == "add":
            return self.has(Contract, "add")
        return self.granted(row, *self.needed(action))

    def tag(self, row, action):
        if action == "add":
            return self.has(Tag, "add")
        return self.has(Tag, *self.needed(action)) or self.granted(row, *self.needed(action))

    def task(self, row, action):
        project = row.project
        shown = project is not None and self.allows(project, "view")
        permitted = self.has(Task, *self.needed(action))
        if permitted and shown and project.owner_id == self.own_key:
            return True
        if permitted and "Managers" in self.groups and row.state == "open":
            return True
        if action != "view":
            return False
        if self.has(Task, "view") and not (shown and project.name == "secret"):
            return True
        return "office.audit_task" in self.permissions and row.state == "done"


class World:
    """Two tenants, people of every kind, rows of every model, grants to users and groups."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.tenants = [people.tenant("acme"), people.tenant("bolt")]
        names = ["Managers", "Clerks", "Odd Ones"]
        self.groups = [people.group(name, *self.some_permissions()) for name in names]
        self.users = [self.user(f"user{number}") for number in range(9)]
        self.users += [
            self.user("inactive", is_active=False),
            self.user("boss", is_superuser=True),
            self.user("retired boss", is_superuser=True, is_active=False),
            people.user("nothing", tenant=self.tenants[0]),
        ]
        people.make(User(username="AnonymousUser"))
        self.rows = [row for model in MODELS for row in self.rows_of(model)]
        self.grants()
        people.sync()

    def some_permissions(self, most=6):
        known = [
            f"office.{action}_{model._meta.model_name}" for action in ACTIONS for model in MODELS
        ]
        known.append("office.audit_task")
        return self.random.sample(known, self.random.randint(0, most))

    def user(self, name, **fields):
        return people.user(
            name,
            tenant=self.random.choice(self.tenants),
            groups=self.random.sample(self.groups, self.random.randint(0, 2)),
            permissions=self.some_permissions(2),
            **fields,
        )

    def rows_of(self, model, count=10):
        for number in range(count):
            row = self.row(model, number)
            yield people.make(row)

    def row(self, model, number):
        choose = self.random.choice
        common = {"tenant": choose(self.tenants)}
        owner = choose([*self.users, None])
        if model is Tag:
            return Tag(slug=f"t-{number}")
        if model is Project:
            return Project(name=choose(["secret", "plain"]), owner=owner, **common)
        if model is Document:
            flags = {"is_public": choose([True, False]), "closed": choose([True, False])}
            return Document(title=f"d{number}", owner=owner, **flags, **common)
        if model is Task:
            projects = list(Project.objects.using("owner"))
            return Task(project=choose([*projects, None]), state=choose(["open", "done"]), **common)
        return model(title=f"x{number}", **common)

    def grants(self):
        holders = [*self.users, User.objects.using("owner").get(username="AnonymousUser")]
        for row in self.rows:
            if type(row) not in (Document, Contract, Tag):
                continue
            for _ in range(self.random.randint(0, 3)):
                action = self.random.choice(ACTIONS)
                name = f"office.{action}_{type(row)._meta.model_name}"
                fields = {
                    "permission": people.permission(name),
                    "content_type": people.permission(name).content_type,
                    "object_pk": str(row.pk),
                }
                UserObjectPermission.objects.using("owner").get_or_create(
                    user=self.random.choice(holders), **fields
                )
                GroupObjectPermission.objects.using("owner").get_or_create(
                    group=self.random.choice(self.groups), **fields
                )
        # Texts that look like a key and are none: has_perm() compares the text.
        view = people.permission("office.view_document")
        UserObjectPermission.objects.using("owner").bulk_create(
            UserObjectPermission(
                user=holder, permission=view, content_type=view.content_type, object_pk=text
            )
            for text in ("01", "1 ", "junk", "9" * 30, "9223372036854775808", "-0")
            for holder in self.users
        )

    def askers(self):
        """Everybody, in their tenant, in the other one and in none; nobody, too."""
        fresh = {user.pk: user for user in User.objects.all()}
        for user in self.users:
            for tenant in (*self.tenants, None):
                yield fresh[user.pk], tenant
        for tenant in (*self.tenants, None):
            yield people.NOBODY, tenant


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(one, marks=pytest.mark.slow) for one in range(1, 3))]
)
def test_the_database_allows_what_has_perm_and_the_policies_allow(seed):
    world = World(seed)

    assert differences(world) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 4])
def test_the_permissive_policies_hold_without_the_floor(seed, drop_policies):
    world = World(seed)
    drop_policies("floor %")

    assert differences(world) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", [5, 6])
def test_the_floor_holds_without_the_tenant_in_the_permissive_policies(seed, drop_tenant_terms):
    world = World(seed)
    drop_tenant_terms()

    assert differences(world) == []


def differences(world):
    """Each case in which PostgreSQL and Django do not agree."""
    found = []
    known = {}
    for asker, tenant in world.askers():
        truth = Truth(asker, tenant, known)
        for model, column in MODELS.items():
            rows = [row for row in world.rows if type(row) is model]
            for command in EDITS:
                allowed = {row.pk for row in rows if truth.allows(row, command.action)}
                actual = tried(asker, tenant, model, command, column)
                if actual != allowed:
                    found.append((str(asker), tenant, model, command, actual ^ allowed))
            found += insert_differences(world, truth, model)
    return found


def insert_differences(world, truth, model):
    found = []
    for number in range(100, 103):
        row = world.row(model, number)
        values = {
            field.column: getattr(row, field.attname) for field in model._meta.concrete_fields
        }
        if values.get("id") is None:
            values.pop("id", None)
        if model is Contract:
            values["id"] = uuid.uuid4()
        allowed = truth.allows(row, "add")
        for returning in (False, True):
            actual = inserts(truth.asker, truth.tenant, model, values, returning=returning)
            if actual != allowed:
                found.append((str(truth.asker), truth.tenant, model, "INSERT", returning, actual))
    return found
