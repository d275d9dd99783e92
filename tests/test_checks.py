"""System checks say what is wrong with settings and declarations, and what to do next."""

# ruff: noqa: DJ008 - these models are looked at, and never shown

import pytest
from django.contrib.postgres.fields import ArrayField, HStoreField, IntegerRangeField
from django.core.checks import run_checks
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Func
from django.db.models.expressions import RawSQL
from django.test.utils import isolate_apps, override_settings
from guardian.models import UserObjectPermissionBase

from rls_perms import (
    ColumnPermissions,
    CurrentUser,
    Exists,
    ObjectPermissions,
    Permission,
    Policy,
    RowSecurity,
    Setting,
    protect,
)
from rls_perms.checks import (
    all_checks,
    e001_engine,
    e002_declaration,
    e003_child_without_declaration,
    e004_policies_read_each_other,
    e005_setting_of_two_types,
    w001_closed_through_table,
    w002_secrets_in_open_tables,
    w003_unknown_permission,
    w052_database_without_users,
)
from rls_perms.expressions import CurrentTenant
from rls_perms.keywords import Command
from rls_perms.policies import protected as protections
from tests.office.models import Employee, Payslip, Task, Tenant, User

AN_ENGINE = "django.db.backends.postgresql"


def q(**conditions):
    return models.Q(**conditions)


def protected(name="one_rls", **more):
    return [RowSecurity(name=name, **more)]


def found(check):
    """The ids, models and texts of what a check finds."""
    return [
        (one.id, getattr(one.obj, "__name__", None), f"{one.msg} {one.hint}") for one in check()
    ]


@pytest.fixture(autouse=True)
def apps_of_the_test(monkeypatch):
    """Let checks see the models that a test makes, and no others."""
    with isolate_apps("tests.office") as isolated:
        for check in (
            e002_declaration,
            e003_child_without_declaration,
            e004_policies_read_each_other,
            e005_setting_of_two_types,
            w001_closed_through_table,
            w002_secrets_in_open_tables,
            w003_unknown_permission,
        ):
            monkeypatch.setattr(check, "apps", isolated)
        yield isolated


class Office(models.Model):
    class Meta:
        abstract = True
        app_label = "office"


def test_every_check_is_found_by_its_file():
    assert [check.__module__.rpartition(".")[2].partition("_")[0] for check in all_checks()] == [
        "e001",
        "e002",
        "e003",
        "e004",
        "e005",
        "e010",
        "e020",
        "e021",
        "e022",
        "e030",
        "w001",
        "w002",
        "w003",
        "w008",
        "w009",
        "w010",
        "w011",
        "w012",
        "w030",
        "w040",
        "w041",
        "w042",
        "w043",
        "w050",
        "w051",
        "w052",
    ]


def test_the_tests_own_project_has_nothing_to_say_and_no_database_is_asked(monkeypatch):
    monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", None)
    found = [one for one in run_checks() if (one.id or "").startswith("rls_perms")]

    # Older than SameTenant, with rows of tests that lead anywhere.
    assert {(one.id, one.obj) for one in found} == {
        ("rls_perms.W012", Employee),
        ("rls_perms.W012", Payslip),
        ("rls_perms.W012", Task),
    }


@pytest.mark.parametrize("alias", ["default", "server_side", "owner"])
def test_e001_an_alias_of_ours_with_another_engine(settings_of, alias):
    settings_of[alias]["ENGINE"] = AN_ENGINE
    [(id, _, text)] = found(e001_engine.check)

    assert id == "rls_perms.E001"
    assert f"DATABASES['{alias}'] uses the engine '{AN_ENGINE}', which knows no roles" in text
    assert "Set ENGINE to 'rls_perms.backends.postgresql'" in text


@pytest.fixture
def settings_of(monkeypatch):
    """The settings of each alias, put right afterwards."""
    from django.conf import settings

    for alias in settings.DATABASES.values():
        monkeypatch.setitem(alias, "ENGINE", alias["ENGINE"])
    return settings.DATABASES


def test_e001_our_own_engine_is_right():
    assert found(e001_engine.check) == []


def test_e002_two_declarations_on_one_model():
    class Thing(Office):
        class Meta(Office.Meta):
            constraints = [*protected("one"), *protected("two")]

    [(id, model, text)] = found(e002_declaration.check)

    assert (id, model) == ("rls_perms.E002", "Thing")
    assert "declares row security 2 times: one, two" in text
    assert "Write one RowSecurity with all policies" in text


def test_e002_a_tenant_that_is_no_field():
    class Thing(Office):
        class Meta(Office.Meta):
            constraints = protected(tenant="tennant")

    [(id, _, text)] = found(e002_declaration.check)

    assert id == "rls_perms.E002"
    assert "no field named 'tennant'" in text


def test_e002_a_condition_on_no_field():
    class Thing(Office):
        owner = models.ForeignKey(User, models.CASCADE, related_name="+")

        class Meta(Office.Meta):
            constraints = protected(policies=[Policy("own", using=q(owner__boss=CurrentUser()))])

    [(id, model, text)] = found(e002_declaration.check)

    assert (id, model) == ("rls_perms.E002", "Thing")
    assert "cannot be written as policies" in text
    assert "boss" in text


def test_e002_a_table_of_the_framework(monkeypatch):
    class Thing(Office):
        class Meta(Office.Meta):
            db_table = "office_user"
            constraints = protected()

    [(id, _, text)] = found(e002_declaration.check)

    assert id == "rls_perms.E002"
    assert "is a table of Django's framework" in text


class Columns(Office):
    number = models.IntegerField()
    amount = models.DecimalField(max_digits=5, decimal_places=2)
    text = models.CharField(max_length=9)
    day = models.DateField()
    moment = models.DateTimeField()
    key = models.UUIDField()
    data = models.JSONField()
    numbers = ArrayField(models.IntegerField())
    words = ArrayField(models.CharField(max_length=9), size=3)
    span = IntegerRangeField()
    owner = models.ForeignKey(User, models.CASCADE, related_name="+")
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")

    class Meta(Office.Meta):
        abstract = True


def setting(field):
    return Setting("x", output_field=field)


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        (q(number=setting(models.TextField())), "'number' of office.Thing is a number and Setting"),
        (q(number__gt=setting(models.BooleanField())), "'number__gt' of office.Thing is a number"),
        (~(q(number=1) | q(text=setting(models.IntegerField()))), "'text' of office.Thing is a t"),
        (q(text__startswith=setting(models.IntegerField())), "'text__startswith'"),
        (q(day=setting(models.DateTimeField())), "is a date and Setting"),
        (q(moment__date=setting(models.DateTimeField())), "'moment__date' of office.Thing is a da"),
        (q(moment__year=setting(models.TextField())), "'moment__year' of office.Thing is a number"),
        (q(key=CurrentUser()), "'key' of office.Thing is a UUID and CurrentUser() is a number"),
        (q(key=CurrentTenant()), "'key' of office.Thing is a UUID and CurrentTenant() is a number"),
        (q(owner=setting(models.UUIDField())), "'owner' of office.Thing is a number"),
        (q(owner__username=CurrentUser()), "'owner__username' of office.Thing is a text"),
        (q(number=models.F("text")), "'number' of office.Thing is a number and F(text) is a text"),
        (q(number=models.F("owner__username")), "F(owner__username) is a text"),
        (q(number__in=[1, models.F("day")]), "F(day) is a date"),
        (q(numbers=setting(ArrayField(models.BigIntegerField()))), "is an integer[] and"),
        (q(numbers__overlap=setting(ArrayField(models.TextField()))), "'numbers__overlap'"),
        (q(numbers=setting(models.IntegerField())), "is an integer[] and"),
        (q(data=setting(models.TextField())), "is a JSON and"),
        (q(span=setting(models.IntegerField())), "is an int4range and"),
        (q(number="north"), "'number' of office.Thing is a number and cannot be compared with 'no"),
        (q(key="north"), "is a UUID and cannot be compared with 'north'"),
        (q(day="yesterday"), "is a date and cannot be compared with 'yesterday'"),
    ],
)
def test_e002_a_comparison_of_different_kinds(condition, says):
    class Thing(Columns):
        class Meta(Columns.Meta):
            abstract = False
            constraints = protected(policies=[Policy("one", using=condition)])

    [(id, model, text)] = found(e002_declaration.check)

    assert (id, model) == ("rls_perms.E002", "Thing")
    assert says in text


def test_e002_a_comparison_of_different_kinds_in_another_model():
    class Other(Columns):
        class Meta(Columns.Meta):
            abstract = False

    class Thing(Columns):
        class Meta(Columns.Meta):
            abstract = False
            condition = models.Q(Exists("office.Other", q(text=CurrentUser())))
            constraints = protected(policies=[Policy("one", using=condition)])
            del condition

    [(_, model, text)] = found(e002_declaration.check)

    assert model == "Thing"
    assert "'text' of office.Other is a text and CurrentUser() is a number" in text


def test_e002_a_tenant_of_another_kind():
    class Thing(Columns):
        class Meta(Columns.Meta):
            abstract = False
            constraints = protected(tenant="key")

    [(_, _, text)] = found(e002_declaration.check)

    assert "'key' of office.Thing is a UUID and CurrentTenant() is a number" in text


@pytest.mark.parametrize(
    "condition",
    [
        q(number=setting(models.BigIntegerField())),
        q(number=setting(models.FloatField())),
        q(amount__lte=models.F("number")),
        q(text=setting(models.TextField())),
        q(text__icontains=setting(models.SlugField())),
        q(moment__year=setting(models.IntegerField())),
        q(moment__date=models.F("day")),
        q(moment__date=models.F("moment__date")),
        q(owner=CurrentUser()),
        q(owner_id=CurrentUser()),
        q(owner__tenant=CurrentTenant()),
        q(owner__pk=setting(models.BigIntegerField())),
        q(data__level=setting(models.IntegerField())),
        q(data=setting(models.JSONField())),
        q(numbers=setting(ArrayField(models.IntegerField()))),
        q(numbers__contains=[1]),
        q(words=setting(ArrayField(models.CharField(max_length=3)))),
        q(words__0=setting(models.TextField())),
        q(span__contains=setting(models.IntegerField())),
        q(number__isnull=True, text__in=["a"], number__range=(1, 2)),
        q(number="3", key="00000000-0000-0000-0000-000000000001"),
        q(number=models.F("number") + 1),
    ],
)
def test_e002_comparisons_that_postgresql_makes(condition):
    class Thing(Columns):
        class Meta(Columns.Meta):
            abstract = False
            constraints = protected(policies=[Policy("one", using=condition)])

    assert found(e002_declaration.check) == []


def raw_sql(text, *values):
    return models.Q(RawSQL(text, values, output_field=models.BooleanField()))  # noqa: S611


class Asking(Func):
    """Written as only the version of the database says."""

    output_field = models.IntegerField()

    def as_sql(self, compiler, connection, **kwargs):
        return str(connection.pg_version), ()


@pytest.mark.parametrize(
    ("policies", "says"),
    [
        ([Policy("one", using=q(number=1))] * 2, "declares more than one policy 'one delete'"),
        (
            [Policy("one", using=raw_sql("amount > 1"), trusted=True)],
            "A trusted policy of office.Thing has RawSQL",
        ),
        (
            [Policy("one", using=q(text__in=["a\0b"]))],
            "has a value that cannot be written: PostgreSQL text fields cannot contain NUL (0x00) "
            "bytes. Correct <Q: (AND: ('text__in', ['a\\x00b']))>",
        ),
        (
            [Policy("one", using=q(number=1), check=q(owner__username__contains="\0"))],
            "cannot contain NUL",
        ),
        (
            [Policy("one", using=q(owner__username="\0"), trusted=True)],
            "cannot contain NUL",
        ),
        (
            [Policy("one", using=~raw_sql("text = %s", "\0"), permissive=False)],
            "cannot contain NUL",
        ),
    ],
)
def test_e002_what_migrate_could_not_write(policies, says):
    class Thing(Columns):
        class Meta(Columns.Meta):
            abstract = False
            constraints = protected(policies=policies)

    [(id, model, text)] = found(e002_declaration.check)

    assert (id, model) == ("rls_perms.E002", "Thing")
    assert says in text


@pytest.mark.parametrize(
    "condition",
    [
        q(number=Asking()),
        q(pairs__contains={"a": "b"}),
        raw_sql("amount > 100%% AND nothing"),
    ],
)
def test_e002_says_nothing_of_what_only_a_database_knows(condition):
    class Thing(Columns):
        pairs = HStoreField()

        class Meta(Columns.Meta):
            abstract = False
            constraints = protected(policies=[Policy("one", using=condition)])

    assert found(e002_declaration.check) == []


@pytest.mark.parametrize("name", ["signed", "floor"])
def test_a_policy_has_none_of_the_librarys_names(name):
    with pytest.raises(ValueError, match=r"none of floor, .*, signed, .*which are the library's"):
        Policy(name, using=q())


def test_e002_a_declaration_that_can_be_written():
    class Thing(Office):
        tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")

        class Meta(Office.Meta):
            constraints = protected(
                tenant="tenant", policies=[Policy("own", using=q(tenant=CurrentTenant()))]
            )

    assert found(e002_declaration.check) == []


def test_e003_a_child_in_a_table_of_its_own():
    class Parent(Office):
        class Meta(Office.Meta):
            constraints = protected("parent_rls")

    class Child(Parent):
        class Meta:
            app_label = "office"

    class Grandchild(Child):
        class Meta:
            app_label = "office"

    problems = found(e003_child_without_declaration.check)

    assert [(id, model) for id, model, _ in problems] == [
        ("rls_perms.E003", "Child"),
        ("rls_perms.E003", "Grandchild"),
    ]
    assert "the row security of office.Parent does not reach" in problems[0][2]
    assert "Add a RowSecurity to its Meta.constraints" in problems[0][2]


def test_e003_a_child_with_a_declaration_and_a_proxy():
    class Parent(Office):
        class Meta(Office.Meta):
            constraints = protected("parent_rls")

    class Child(Parent):
        class Meta:
            app_label = "office"
            constraints = protected("child_rls")

    class Proxy(Parent):
        class Meta:
            app_label = "office"
            proxy = True

    assert found(e003_child_without_declaration.check) == []


def read_by(name, field):
    class Meta(Office.Meta):
        constraints = protected(
            name, policies=[Policy("one", using=q(id=Setting("x", output_field=field)))]
        )

    return type(name, (Office,), {"Meta": Meta, "__module__": __name__})


def test_e005_a_setting_of_two_types():
    read_by("One", models.IntegerField())
    read_by("Two", models.BigIntegerField())

    [(id, model, text)] = found(e005_setting_of_two_types.check)

    assert (id, model) == ("rls_perms.E005", "Two")
    assert "office.One IntegerField(); office.Two BigIntegerField()" in text
    assert "the same output_field" in text


def test_e005_one_of_two_types_is_declared_by_protect(monkeypatch):
    monkeypatch.setattr(protections, "_declared", {})
    read_by("One", models.IntegerField())

    class Two(Office):
        pass

    x = Setting("x", output_field=models.BigIntegerField())
    protect("office.Two", RowSecurity(policies=[Policy("one", using=q(id=x))]))

    [(_, model, text)] = found(e005_setting_of_two_types.check)

    assert model == "Two"
    assert "office.One IntegerField(); office.Two BigIntegerField()" in text


def test_e005_a_setting_of_one_type_in_two_models():
    read_by("One", models.IntegerField())
    read_by("Two", models.IntegerField())

    assert found(e005_setting_of_two_types.check) == []


@pytest.mark.parametrize("end", ["from", "to"])
def test_w001_a_through_model_without_a_declaration(end):
    class Thing(Office):
        others = models.ManyToManyField("Other", through="Between")

        class Meta(Office.Meta):
            constraints = protected("thing_rls") if end == "from" else []

    class Other(Office):
        class Meta(Office.Meta):
            constraints = protected("other_rls") if end == "to" else []

    class Between(Office):
        thing = models.ForeignKey(Thing, models.CASCADE)
        other = models.ForeignKey(Other, models.CASCADE)

        class Meta(Office.Meta):
            pass

    [(id, model, text)] = found(w001_closed_through_table.check)

    assert (id, model) == ("rls_perms.W001", "Between")
    assert "office.Between relates rows of office." in text
    assert "is closed to every session role" in text


def test_w001_a_table_that_django_makes_needs_no_declaration():
    class Thing(Office):
        others = models.ManyToManyField("Other")

        class Meta(Office.Meta):
            constraints = protected("thing_rls")

    class Other(Office):
        pass

    assert found(w001_closed_through_table.check) == []


def test_w001_a_relation_of_open_models_and_one_written_as_a_model():
    class Thing(Office):
        plain = models.ManyToManyField("Plain", through="Between", related_name="+")

        class Meta(Office.Meta):
            constraints = protected("thing_rls")

    class Plain(Office):
        others = models.ManyToManyField("Plain")

    class Between(Office):
        thing = models.ForeignKey(Thing, models.CASCADE)
        plain = models.ForeignKey(Plain, models.CASCADE)

        class Meta(Office.Meta):
            constraints = protected("between_rls")

    assert found(w001_closed_through_table.check) == []


def reading(lookup, **more):
    return [Policy("one", using=q(**{lookup: 1}), **more)]


def test_e004_policies_that_read_each_other_are_both_named():
    class Alpha(Office):
        beta = models.ForeignKey("Beta", models.CASCADE, related_name="alphas")

        class Meta(Office.Meta):
            constraints = protected("alpha_rls", policies=reading("beta__note"))

    class Beta(Office):
        note = models.IntegerField()

        class Meta(Office.Meta):
            constraints = protected("beta_rls", policies=reading("alphas__id"))

    [(id, model, text)] = found(e004_policies_read_each_other.check)

    assert (id, model) == ("rls_perms.E004", "Alpha")
    assert "The policies of office.Alpha and office.Beta read each other" in text
    assert "office.Alpha reads office.Beta reads office.Alpha" in text
    assert "trusted=True" in text


def test_e004_a_round_of_three_is_found_once():
    class Alpha(Office):
        beta = models.ForeignKey("Beta", models.CASCADE)

        class Meta(Office.Meta):
            constraints = protected("alpha_rls", policies=reading("beta__note"))

    class Beta(Office):
        gamma = models.ForeignKey("Gamma", models.CASCADE)
        note = models.IntegerField()

        class Meta(Office.Meta):
            constraints = protected("beta_rls", policies=reading("gamma__note"))

    class Gamma(Office):
        alpha = models.ForeignKey("Alpha", models.CASCADE)
        note = models.IntegerField()

        class Meta(Office.Meta):
            constraints = protected("gamma_rls", policies=reading("alpha__beta"))

    [(_, _, text)] = found(e004_policies_read_each_other.check)

    assert "office.Alpha, office.Beta and office.Gamma" in text


def test_e004_a_trusted_policy_asks_no_other():
    class Alpha(Office):
        beta = models.ForeignKey("Beta", models.CASCADE, related_name="alphas")

        class Meta(Office.Meta):
            constraints = protected("alpha_rls", policies=reading("beta__note", trusted=True))

    class Beta(Office):
        note = models.IntegerField()

        class Meta(Office.Meta):
            constraints = protected("beta_rls", policies=reading("alphas__id"))

    assert found(e004_policies_read_each_other.check) == []


def test_e004_a_policy_that_only_writes_is_not_asked_by_the_other():
    class Alpha(Office):
        beta = models.ForeignKey("Beta", models.CASCADE, related_name="alphas")

        class Meta(Office.Meta):
            constraints = protected("alpha_rls", policies=reading("beta__note"))

    class Beta(Office):
        note = models.IntegerField()
        gamma = models.ForeignKey("Gamma", models.CASCADE)

        class Meta(Office.Meta):
            constraints = protected(
                "beta_rls", policies=reading("gamma__note", command=Command.INSERT)
            )

    class Gamma(Office):
        note = models.IntegerField()
        alpha = models.ForeignKey("Alpha", models.CASCADE)

        class Meta(Office.Meta):
            constraints = protected("gamma_rls", policies=reading("alpha__beta"))

    [(_, _, text)] = found(e004_policies_read_each_other.check)

    assert "office.Beta reads office.Gamma reads office.Alpha reads office.Beta" in text


def test_w002_tokens_and_secrets_in_open_tables_are_named_once_an_app():
    class ApiToken(Office):
        key = models.CharField(max_length=40, primary_key=True)

    class Login(Office):
        session_key = models.CharField(max_length=40)

    class Provider(Office):
        client_secret = models.CharField(max_length=40)

    [(id, model, text)] = found(w002_secrets_in_open_tables.check)

    assert (id, model) == ("rls_perms.W002", None)
    assert "The tables of office.ApiToken, office.Login, office.Provider look as if" in text
    assert "RLS_PERMS['FRAMEWORK_APPS'] = ['auth', 'contenttypes', 'sessions'" in text
    assert "'sites', 'office']" in text


def test_w002_protected_tables_and_words_that_only_look_like_a_secret():
    class Token(Office):
        key = models.CharField(max_length=40)

        class Meta(Office.Meta):
            constraints = protected("token_rls")

    class Tokenizer(Office):
        secretary = models.CharField(max_length=40)
        tokens_used = models.IntegerField()

    class TrainingSession(Office):
        name = models.CharField(max_length=40)

    assert found(w002_secrets_in_open_tables.check) == []


def test_w003_a_permission_that_no_model_has():
    class Book(Office):
        class Meta(Office.Meta):
            constraints = protected(
                policies=[
                    Policy("one", using=q(), to=Permission("office.veiw_book")),
                    ColumnPermissions(["id"], view=[Permission("library.nope")]),
                ]
            )

    [(id, model, text), (_, _, other)] = found(w003_unknown_permission.check)

    assert (id, model) == ("rls_perms.W003", "Book")
    assert "of office.Book names Permission('office.veiw_book'), which no model has" in text
    assert "Did you mean 'office.view_book'? Correct the name" in text
    assert "Permission('library.nope')" in other
    assert "Did you mean" not in other


def test_w003_permissions_of_models_and_of_proxies():
    class Book(Office):
        class Meta(Office.Meta):
            permissions = [("lend_book", "Can lend")]
            default_permissions = ["view"]
            holders = ("office.view_book", "office.lend_book", "office.change_loan")
            constraints = protected(
                policies=[Policy("one", using=q(), to=[Permission(one) for one in holders])]
            )
            del holders

    class Loan(Book):
        class Meta:
            app_label = "office"
            proxy = True
            constraints = []

    assert found(w003_unknown_permission.check) == []


# Where guardian keeps grants


def grants(model, **content_object):
    """A table of grants to users with a foreign key to *model*."""
    content = models.ForeignKey(model, models.CASCADE, **content_object)
    meta = type("Meta", (), {"app_label": "office"})
    body = {"content_object": content, "Meta": meta, "__module__": __name__}
    body["user"] = models.ForeignKey(User, models.CASCADE, related_name="+")
    return type(f"{model.__name__}Grant", (UserObjectPermissionBase,), body)


def test_a_key_that_a_text_cannot_be_compared_with_is_an_error():
    class One(Office):
        day = models.DateField(primary_key=True)

        class Meta(Office.Meta):
            abstract = False
            constraints = protected(policies=[ObjectPermissions()])

    ((_, _, text),) = found(e002_declaration.check)
    assert "cannot compare the texts in guardian.UserObjectPermission" in text
    assert "'date'" in text


def test_grants_by_another_field_than_the_key_are_an_error():
    class One(Office):
        name = models.CharField(max_length=9, unique=True)

        class Meta(Office.Meta):
            abstract = False
            constraints = protected(policies=[ObjectPermissions()])

    grants(One, to_field="name")

    ((_, _, text),) = found(e002_declaration.check)
    assert "office.OneGrant points to office.One by 'name'" in text


def test_a_grant_that_the_database_cannot_write_is_an_error():
    class One(Office):
        class Meta(Office.Meta):
            abstract = False
            constraints = protected(policies=[ObjectPermissions(creator=["view"])])

    made = grants(One)
    made.add_to_class("reason", models.CharField(max_length=9))

    ((_, _, text),) = found(e002_declaration.check)
    assert "['reason'] would have no value" in text


@pytest.mark.parametrize("creator", ["view", ["add"], ["view", "approve"]])
def test_a_creator_is_granted_what_rows_know_of_only(creator):
    with pytest.raises(ValueError, match="takes a list of 'view', 'change' and 'delete'"):
        ObjectPermissions(creator=creator)


def test_object_permissions_are_values():
    one = ObjectPermissions(creator=("delete", "view"), remove_grants=False)

    assert one == ObjectPermissions(creator=["view", "delete"], remove_grants=False)
    assert one.deconstruct()[2] == {"creator": ["view", "delete"], "remove_grants": False}
    assert ObjectPermissions().deconstruct()[2] == {}


class NoUsers:
    """Users are not migrated to some aliases."""

    def __init__(self, *aliases):
        self.aliases = aliases

    def allow_migrate(self, db, app_label, **hints):
        return not (db in self.aliases and app_label == "office")


def test_w052_a_database_to_which_users_are_not_migrated():
    with override_settings(DATABASE_ROUTERS=[NoUsers("default", "server_side", "pooled", "owner")]):
        [(id, _, text), *others] = found(w052_database_without_users.check)

    assert id == "rls_perms.W052"
    assert "let no migration make office.User in DATABASES['default']" in text
    assert "leave 'default' out of RLS_PERMS['DATABASES']" in text
    assert len(others) == 2


def test_w052_another_alias_of_the_same_database_is_enough():
    with override_settings(DATABASE_ROUTERS=[NoUsers("default", "server_side", "pooled")]):
        assert found(w052_database_without_users.check) == []
