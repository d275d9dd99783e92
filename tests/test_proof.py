"""assert_permissions_match: it agrees with the rule, and fails where the database does not."""

import pytest
from django.db import connections, models
from django.db.models import OuterRef, Q
from django.db.models.expressions import RawSQL
from guardian.models import UserObjectPermission

from rls_perms import (
    ANONYMOUS,
    DELETE,
    EVERYONE,
    INSERT,
    SELECT,
    UPDATE,
    CurrentUser,
    Exists,
    Group,
    ObjectPermissions,
    OwnerPolicy,
    Permission,
    Policy,
    RowSecurity,
    Setting,
)
from rls_perms.exceptions import ConfigurationError
from rls_perms.keywords import Command
from rls_perms.testing import assert_permissions_match
from rls_perms.testing.askers import Asker
from rls_perms.testing.rows import Rows
from rls_perms.testing.tried import Tried, fields_of
from tests import people, variants
from tests.declaring import declared
from tests.office.models import Case, Document, Project, Room, Ticket, User
from tests.test_equivalence import MODELS, World
from tests.trials import tried

pytestmark = pytest.mark.usefixtures("db")

REGION = Setting("region", output_field=models.CharField(max_length=20))


class Office:
    """A few people of each kind, and cases that differ in every field."""

    def __init__(self):
        acme, bolt = people.tenant("acme"), people.tenant("bolt")
        clerks = people.group("Clerks", "office.view_case", "office.change_case")
        some = people.group("Some", "office.add_case", "office.delete_case")
        self.clerk = people.user("clerk", tenant=acme, groups=[clerks])
        self.both = people.user("both", tenant=acme, groups=[clerks, some])
        people.user("adder", tenant=acme, permissions=["office.add_case"])
        people.user("nobody", tenant=acme)
        people.user("gone", tenant=acme, groups=[clerks], is_active=False)
        people.user("boss", tenant=acme, is_superuser=True)
        people.make(User(username="AnonymousUser"))
        rooms = [people.make(Room(name=name)) for name in ("red", "blue")]
        owners = [self.clerk, self.both, None]
        self.cases = [
            people.make(
                Case(
                    tenant=(acme, acme, bolt)[number % 3],
                    owner=owners[number % 2] if number < 5 else None,
                    room=[*rooms, None][number % 3],
                    flag=number % 2 == 0,
                    level=(None, 1, 2)[number % 3],
                    note=("red", "x", "it's")[number % 3],
                )
            )
            for number in range(6)
        ]
        view = people.permission("office.view_case")
        UserObjectPermission.objects.using("owner").create(
            user=User.objects.using("owner").get(username="nobody"),
            permission=view,
            content_type=view.content_type,
            object_pk=str(self.cases[0].pk),
        )
        people.sync()


@pytest.fixture
def office():
    return Office()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_world_of_every_kind_has_no_difference(seed):
    World(seed)

    answers = {model._meta.label: assert_permissions_match(model) for model in MODELS}

    print(answers)
    assert min(answers.values()) > 4000


OPEN = {"permission_required": False}
DECLARATIONS = {
    "the permission": RowSecurity(tenant="tenant"),
    "without tenants": RowSecurity(policies=[OwnerPolicy("owner")]),
    "grants alone": RowSecurity(
        tenant="tenant", policies=[ObjectPermissions(global_permissions=False)]
    ),
    "what may not stay": RowSecurity(
        tenant="tenant",
        policies=[
            Policy("any", using=Q()),
            Policy("no", permissive=False, command=UPDATE, using=Q(), check=Q(flag=False)),
        ],
    ),
    "hidden and not kept": RowSecurity(
        tenant="tenant",
        policies=[
            Policy("any", using=Q(), **OPEN),
            Policy("seen", permissive=False, command=SELECT, using=Q(flag=True)),
        ],
    ),
    "targets": RowSecurity(
        tenant="tenant",
        policies=[
            Policy("group", to=Group("Clerks"), using=Q(level__gt=1)),
            Policy("permitted", to=Permission("office.add_case"), using=Q(flag=True), **OPEN),
            Policy("all", command=SELECT, to=[EVERYONE, ANONYMOUS], using=Q(note="red"), **OPEN),
            Policy("not", permissive=False, to=Group("Some"), using=~Q(room__name="blue")),
        ],
    ),
    "shared": RowSecurity(
        tenant="tenant",
        policies=[
            OwnerPolicy("owner"),
            Policy("lent", command=[SELECT, UPDATE], using=Q(flag=True), shared=True),
            Policy(
                "given", command=[INSERT, DELETE], to=Group("Some"), using=Q(level=1), shared=True
            ),
        ],
    ),
    "a setting": RowSecurity(
        tenant="tenant", policies=[Policy("of region", using=Q(note=REGION), **OPEN)]
    ),
    "a subquery": RowSecurity(
        tenant="tenant",
        policies=[
            Policy(
                "with a project",
                using=Q(Exists("office.Project", Q(owner=OuterRef("owner")))) | Q(flag=False),
            )
        ],
    ),
    "raw SQL": RowSecurity(
        tenant="tenant",
        policies=[
            Policy(
                "raw",
                using=Q(
                    RawSQL(
                        "owner_id = (SELECT rls_perms.user_id())",
                        [],
                        output_field=models.BooleanField(),
                    )
                ),
            )
        ],
    ),
}


PLAIN = ("the permission", "targets", "shared", "a setting")


@pytest.mark.parametrize("wanted", variants.cases(DECLARATIONS, plain=PLAIN))
def test_a_declaration_has_no_difference(office, wanted):
    people.make(Project(tenant=office.clerk.tenant, name="mine", owner=office.clerk))

    with declared((Case, wanted)):
        answers = assert_permissions_match(Case, settings=[None, {"region": "red"}])

    assert answers > 1000


def change(statement):
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture
def faulty(office, drop_policies):
    """Change the policies of documents; they are written anew after the test."""
    owner = office.both
    bolt = people.tenant("third")
    people.make(Document(tenant=bolt, title="theirs"))
    for number in range(3):
        tenant = owner.tenant
        people.make(Document(tenant=tenant, title=f"d{number}", owner=owner, closed=number == 1))
    return change


def difference(model):
    with pytest.raises(AssertionError) as caught:
        assert_permissions_match(model)
    return str(caught.value)


def test_a_dropped_policy_is_told_with_user_action_and_key(faulty, office):
    key = Document.objects.using("owner").filter(owner=office.both).earliest("pk").pk
    faulty('DROP POLICY "own select" ON office_document')

    said = difference(Document)

    assert said.startswith("office.Document: PostgreSQL and Django differ in ")
    assert f"SELECT of {key}: Django says yes, PostgreSQL refuses" in said
    assert "both in tenant" in said
    assert said.endswith("python manage.py rls_show office.Document")


def test_a_widened_policy_is_noticed(faulty):
    faulty('ALTER POLICY "own select" ON office_document USING (true)')

    assert "Django says no, PostgreSQL does it" in difference(Document)


def test_a_narrowed_policy_is_noticed(faulty):
    faulty('ALTER POLICY "own update" ON office_document USING (false)')

    assert "UPDATE of " in difference(Document)


def test_a_policy_that_lets_rows_be_given_away_is_noticed(faulty):
    faulty('ALTER POLICY "own update" ON office_document WITH CHECK (true)')
    faulty('DROP POLICY "floor update" ON office_document')

    said = difference(Document)

    assert "UPDATE without WHERE of " in said
    assert " to what is in " in said


def test_a_dropped_restrictive_policy_is_noticed(faulty):
    faulty('DROP POLICY "open only update" ON office_document')

    assert "UPDATE without WHERE of " in difference(Document)


def test_a_system_that_sees_nothing_is_no_agreement(faulty):
    faulty('DROP POLICY "system select" ON office_document')

    with pytest.raises(AssertionError):
        assert_permissions_match(Document)


def test_many_differences_are_counted_and_the_first_ones_told(faulty):
    faulty("ALTER TABLE office_document DISABLE ROW LEVEL SECURITY")

    said = difference(Document)

    assert said.count("Django says no") == 10
    assert "\n  and " in said


def test_nothing_of_it_stays(office):
    def state():
        return list(Case.objects.using("owner").order_by("pk").values())

    before = state()

    assert_permissions_match(Case)

    assert state() == before


def test_only_the_rows_and_users_that_are_given_are_compared(office):
    every = assert_permissions_match(Case)

    some = assert_permissions_match(
        Case, users=[office.clerk], tenants=[office.clerk.tenant], rows=office.cases[:2]
    )

    assert 0 < some < every / 6


def test_without_a_row_there_is_nothing_to_agree_on():
    people.user("somebody")

    with pytest.raises(AssertionError, match="nothing was compared"):
        assert_permissions_match(Ticket)


def test_a_model_without_a_declaration_is_refused():
    with pytest.raises(ConfigurationError, match=r"office\.Room declares no row security"):
        assert_permissions_match(Room)


def test_a_column_that_is_none_is_refused(office):
    with pytest.raises(ConfigurationError, match="is no field of office"):
        assert_permissions_match(Case, column="colour")


@pytest.mark.parametrize("command", [Command.SELECT, Command.UPDATE, Command.DELETE])
def test_what_is_tried_is_what_the_older_trials_of_this_suite_find(office, command):
    rows = Rows("owner")
    asker = Asker(office.both, office.both.tenant)
    fields = fields_of(Case, Case._meta.constraints, "note")
    older = tried(office.both, office.both.tenant, Case, command, "note")

    with Tried(Case, fields, rows, "default").prepared() as trial:
        found = {
            Command.SELECT: lambda: trial.seen(asker),
            Command.UPDATE: lambda: trial.updated_blindly(asker, frozenset()),
            Command.DELETE: lambda: trial.deleted_blindly(asker),
        }[command]()

    assert found == older
    assert found


def test_a_condition_of_the_asker_holds_for_nobody_where_there_is_none(office):
    wanted = [Policy("not mine", using=~Q(owner=CurrentUser()), **OPEN)]

    with declared((Case, wanted)):
        assert assert_permissions_match(Case) > 1000
