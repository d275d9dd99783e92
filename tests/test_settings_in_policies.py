"""Values of the context in policies: of every type, checked when they are set."""

import datetime
import uuid
from contextlib import contextmanager
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.contrib.postgres import fields as postgres
from django.core.exceptions import ImproperlyConfigured
from django.core.validators import MinValueValidator
from django.db import connection, connections, models, transaction
from django.db.migrations.writer import MigrationWriter
from django.db.models import Q
from django.test import Client, RequestFactory, override_settings
from psycopg.types.range import Range

from rls_perms import (
    CurrentTenant,
    Policy,
    RowSecurity,
    Setting,
    as_role,
    as_system,
    as_tenant,
    as_user,
    current_context,
    protect,
)
from rls_perms.exceptions import ConfigurationError, InvalidSetting
from rls_perms.explain import show
from rls_perms.middleware import RequestContext
from rls_perms.policies import protected
from rls_perms.policies.asked import asked
from rls_perms.policies.constraint import declaration
from rls_perms.values import text_of
from tests import kept, people
from tests.office.models import Tenant
from tests.settings import RLS_PERMS
from tests.wire import round_trips

UTC = datetime.UTC
BERLIN = ZoneInfo("Europe/Berlin")
DAY = datetime.date(2026, 3, 1)
NOON = datetime.datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC)


class Level(models.IntegerChoices):
    LOW = 1
    HIGH = 2


class Colour(models.TextChoices):
    RED = "r", "Red"
    BLUE = "b", "Blue"


#: Column -> the field of it and of its Setting, values of which no two are equal.
TYPES = {
    "auto": (models.IntegerField(), [1, -(2**31), 2**31 - 1]),
    "small": (models.SmallIntegerField(), [0, -32768, 32767]),
    "big": (models.BigIntegerField(), [2**53 + 1, 2**53, -(2**63), 2**63 - 1]),
    "positive": (models.PositiveIntegerField(), [0, 7]),
    "positive_small": (models.PositiveSmallIntegerField(), [0, 7]),
    "positive_big": (models.PositiveBigIntegerField(), [0, 2**62]),
    "number": (
        models.DecimalField(max_digits=20, decimal_places=5),
        [Decimal("0.1"), Decimal("0.10001"), Decimal("-1"), Decimal("123456789012345.12345")],
    ),
    "real": (models.FloatField(), [0.1, 0.30000000000000004, 0.3, 1e300, float("nan"), -0.5]),
    "flag": (models.BooleanField(), [True, False]),
    "char": (
        models.CharField(max_length=60),
        [
            "a",
            "A",
            " a",
            "a ",
            "it's",
            '"',
            "\\",
            "\\x",
            "100%",
            "%s",
            "{}",
            "$1",
            "ä",
            "🙂",
            "a\nb",
            "null",
            "NULL",
            "0",
            "'; DROP TABLE x --",
        ],
    ),
    "text": (models.TextField(), ["x" * 5000, "x" * 4999, "\u2028"]),
    "slug": (models.SlugField(), ["a-b", "a_b"]),
    "mail": (models.EmailField(), ["a@example.com", "b@example.com"]),
    "url": (models.URLField(), ["https://a.example/?a=%20b", "https://a.example/"]),
    "file": (models.FileField(), ["a/b.txt", "b.txt"]),
    "path": (models.FilePathField(), ["/a", "/b"]),
    "day": (models.DateField(), [DAY, datetime.date(1, 1, 1), datetime.date(9999, 12, 31)]),
    "time": (models.TimeField(), [datetime.time(0), datetime.time(23, 59, 59, 999999)]),
    "moment": (
        models.DateTimeField(),
        [
            NOON,
            NOON.replace(microsecond=2),
            datetime.datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN),
            datetime.datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1),
        ],
    ),
    "span": (
        models.DurationField(),
        [
            datetime.timedelta(days=-1, microseconds=1),
            datetime.timedelta(days=1, seconds=3),
            datetime.timedelta(0),
        ],
    ),
    "key": (models.UUIDField(), [uuid.UUID(int=1), uuid.UUID(int=2**128 - 1)]),
    "address": (models.GenericIPAddressField(), ["10.0.0.1", "10.0.0.2", "::1"]),
    "data": (
        models.JSONField(),
        [{"a": [1, None, "it's"]}, {"a": 1}, [], {}, "text", 3, True, '{"a": 1}'],
    ),
    "bytes": (models.BinaryField(), [b"\x00\xff'\\", b"", b"\\x00"]),
    "level": (models.IntegerField(choices=Level), [Level.LOW, Level.HIGH]),
    "colour": (models.CharField(max_length=1, choices=Colour), [Colour.RED, Colour.BLUE]),
    "numbers": (
        postgres.ArrayField(models.IntegerField(null=True)),
        [[1, 2], [2, 1], [], [None], [1]],
    ),
    "words": (
        postgres.ArrayField(models.CharField(max_length=9)),
        [["a,b"], ["a", "b"], ['"'], ["\\"], ["NULL"], [""], ["it's"], ["{}"], [" "]],
    ),
    "days": (postgres.ArrayField(models.DateField()), [[DAY], [DAY, DAY]]),
    "moments": (postgres.ArrayField(models.DateTimeField()), [[NOON], [NOON, NOON]]),
    "amounts": (
        postgres.ArrayField(models.DecimalField(max_digits=5, decimal_places=2)),
        [[Decimal("0.01")], [Decimal("999.99")]],
    ),
    "keys": (postgres.ArrayField(models.UUIDField()), [[uuid.UUID(int=1)], [uuid.UUID(int=2)]]),
    "flags": (postgres.ArrayField(models.BooleanField()), [[True], [False]]),
    "grid": (
        postgres.ArrayField(postgres.ArrayField(models.IntegerField())),
        [[[1, 2], [3, 4]], [[1, 2, 3, 4]]],
    ),
    "int_range": (
        postgres.IntegerRangeField(),
        [Range(1, 3), Range(1, 3, "()"), Range(None, 3), Range(empty=True)],
    ),
    "big_range": (postgres.BigIntegerRangeField(), [Range(1, 2**60), Range(None, None)]),
    "number_range": (
        postgres.DecimalRangeField(),
        [Range(Decimal("0.1"), Decimal(1), "[]"), Range(Decimal("0.1"), Decimal(1))],
    ),
    "day_range": (
        postgres.DateRangeField(),
        [
            Range(DAY, None),
            Range(DAY, DAY.replace(day=2)),
            Range(DAY, DAY, "[]").__class__(None, DAY),
        ],
    ),
    "moment_range": (
        postgres.DateTimeRangeField(),
        [Range(NOON, NOON.replace(hour=13)), Range(NOON, NOON.replace(hour=13), "[]")],
    ),
}


def nullable(field):
    _, _, args, kwargs = field.deconstruct()
    return type(field)(*args, **{**kwargs, "null": True})


@contextmanager
def registered(name, declared, fields, *, by_protect=False):
    """A model of the office with a table in the deployed database, while it is needed."""
    constraints = [] if by_protect else [declared]
    meta = type("Meta", (), {"app_label": "office", "constraints": constraints})
    model = type(name, (models.Model,), {**fields, "Meta": meta, "__module__": __name__})
    if by_protect:
        protect(model._meta.label, declared)
    asked.cache_clear()
    with connections["owner"].schema_editor() as editor:
        editor.create_model(model)
        if by_protect:
            editor.add_constraint(model, declaration(model))
    people.sync()
    try:
        yield model
    finally:
        del apps.all_models["office"][name.lower()]
        apps.clear_cache()
        asked.cache_clear()
        with connections["owner"].schema_editor() as editor:
            editor.delete_model(model)
        connections["owner"].close()
        people.sync()


@pytest.fixture(scope="module")
def sample(deployed):
    """A row is shown where one of its columns equals the Setting of the same name."""
    policies = [
        Policy(
            name, using=Q(**{name: Setting(name, output_field=field)}), permission_required=False
        )
        for name, (field, _) in TYPES.items()
    ]
    declared = RowSecurity(name="sample_rls", policies=policies)
    fields = {name: nullable(field) for name, (field, _) in TYPES.items()}
    with registered("Sample", declared, fields) as model:
        yield model


@pytest.fixture(scope="module")
def page(deployed):
    """A model that declares nothing itself, as one of somebody else's app, under protect()."""
    policy = Policy(
        "zone",
        using=Q(zone=Setting("zone", output_field=models.IntegerField())),
        permission_required=False,
    )
    declared = RowSecurity(policies=[policy])
    fields = {"zone": models.IntegerField(null=True)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protected, "_declared", {})
        with registered("Page", declared, fields, by_protect=True) as model:
            yield model


@pytest.fixture
def ann(db):
    return kept.world(make_ann)


def make_ann():
    return people.user("ann", tenant=people.tenant())


def raw(model, alias="default"):
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT id FROM {model._meta.db_table}")
        return {row[0] for row in cursor.fetchall()}


def by_orm(model, alias="default"):
    return set(model.objects.using(alias).values_list("pk", flat=True))


@pytest.mark.parametrize("name", TYPES)
def test_the_row_whose_column_equals_the_value_is_shown_and_no_other(sample, ann, name):
    _, values = TYPES[name]
    rows = [sample.objects.using("owner").create(**{name: one}).pk for one in values]

    shown = []
    for value in values:
        with as_user(ann, settings={name: value}):
            shown.append((by_orm(sample), raw(sample), by_orm(sample, "server_side")))

    assert shown == [({row}, {row}, {row}) for row in rows]
    with as_user(ann):
        assert (by_orm(sample), raw(sample)) == (set(), set())


def test_a_text_longer_than_its_field_is_never_cut_to_match(sample, ann):
    sample.objects.using("owner").create(slug="a" * 50)

    with pytest.raises(InvalidSetting, match="at most 50 characters"):
        as_user(ann, settings={"slug": "a" * 51}).__enter__()


REFUSED = [
    ("auto", "north", "must be an integer"),
    ("auto", 3.7, "would become 3"),
    ("auto", Decimal("3.5"), "would become 3"),
    ("auto", True, "it is a bool"),
    ("auto", 2**31, "less than or equal to 2147483647"),
    ("auto", [1], ""),
    ("small", 40000, "32767"),
    ("big", 2**63, "9223372036854775807"),
    ("positive", -1, "greater than or equal to 0"),
    ("number", Decimal("0.123456"), "no more than 5 decimal places"),
    ("number", "much", "must be a decimal number"),
    ("number", Decimal("NaN"), ""),
    ("real", "much", "must be a float"),
    ("flag", "maybe", "must be either True or False"),
    ("flag", 2, "must be either True or False"),
    ("char", 3, "would become '3'"),
    ("char", "a" * 61, "at most 60 characters"),
    ("char", "", "cannot tell an empty setting from one that is not set"),
    ("text", "", "give None to leave it unset"),
    ("text", "a\0b", "no text with a NUL character"),
    ("text", "\ud800", "surrogates not allowed"),
    ("slug", "a b", "valid “slug”"),
    ("mail", "nobody", "valid email"),
    ("day", "yesterday", "YYYY-MM-DD"),
    ("day", NOON, "would become"),
    ("moment", DAY, "would become"),
    ("moment", NOON.replace(tzinfo=None), "no time zone"),
    ("moment", "2026-03-01 12:00", "no time zone"),
    ("time", datetime.time(1, tzinfo=UTC), "has a time zone"),
    ("time", NOON, "would become"),
    ("span", "long", "format"),
    ("key", "1", "not a valid UUID"),
    ("key", 1, "would become"),
    ("address", "10.0.0.300", "valid IPv4 or IPv6"),
    ("address", "fe80::1%eth0", "has a scope"),
    ("data", {"a": object()}, "valid JSON"),
    ("data", {"a": "\0"}, "no text with a NUL character"),
    ("data", float("nan"), "JSON has no NaN"),
    ("data", ["\ud800"], "surrogates not allowed"),
    ("bytes", "text", "bytes are wanted"),
    ("level", 3, "not a valid choice"),
    ("colour", "g", "not a valid choice"),
    ("numbers", "[1]", "a list is wanted"),
    ("numbers", [1, "x"], "must be an integer"),
    ("numbers", [1, 2**31], "2147483647"),
    ("words", [None], "cannot be null"),
    ("grid", [[1], [2, 3]], "same length"),
    ("grid", [[], []], "no empty list in it"),
    ("int_range", Range(3, 1), "above its upper bound"),
    ("int_range", Range(1, 2**31 - 1, "[]"), "2147483647"),
    ("int_range", "[1,3)", "a range or two bounds are wanted"),
    ("moment_range", (NOON.replace(tzinfo=None), None), "no time zone"),
]


@pytest.mark.parametrize(("name", "value", "why"), REFUSED)
def test_a_value_of_another_type_is_refused_before_any_query(sample, ann, name, value, why):
    with (
        round_trips() as wire,
        pytest.raises(InvalidSetting) as caught,
        as_user(ann, settings={name: value}),
    ):
        raw(sample)

    assert wire.count == 0
    assert f"as_user(settings=...) gives {name!r} the value {value!r}" in str(caught.value)
    assert f"the output_field of Setting({name!r}) in the policies of office.Sample" in str(
        caught.value
    )
    assert why in str(caught.value)
    assert current_context() is None


@pytest.mark.parametrize(
    ("name", "value", "same"),
    [
        ("auto", "3", 3),
        ("auto", 3.0, 3),
        ("number", "0.10", Decimal("0.1")),
        ("day", "2026-03-01", DAY),
        ("moment", "2026-03-01T13:00:00.000001+01:00", NOON),
        ("key", "00000000-0000-0000-0000-000000000001", uuid.UUID(int=1)),
        ("flag", "False", False),
        ("numbers", (1, 2), [1, 2]),
        ("int_range", (1, 3), Range(1, 3)),
        ("int_range", Range(1, 2, "[]"), Range(1, 3)),
        ("bytes", memoryview(b"ab"), b"ab"),
    ],
)
def test_a_value_as_its_field_reads_it_is_the_same(sample, ann, name, value, same):
    row = sample.objects.using("owner").create(**{name: same}).pk

    with as_user(ann, settings={name: value}):
        assert raw(sample) == {row}


def test_none_is_unset_and_shows_no_row(sample, ann):
    sample.objects.using("owner").create()

    with as_user(ann, settings={"auto": None, "char": None}):
        assert raw(sample) == set()


def test_an_hstore_is_rendered_as_postgresql_reads_it():
    field = postgres.HStoreField()

    assert text_of(field, {"a": 'q"', "b": None}) == r'"a"=>"q\"","b"=>NULL'
    with pytest.raises(ValueError, match="a dict is wanted"):
        text_of(field, "a=>1")


# Contexts


@pytest.fixture
def rows(sample, db):
    """The keys of the rows 1 and 2, by their number."""
    return {n: sample.objects.using("owner").create(auto=n).pk for n in (1, 2)}


def test_a_context_within_another_has_its_own_and_gives_back_the_outer_one(sample, ann, rows):
    with transaction.atomic(), as_user(ann, settings={"auto": 1}):
        before = raw(sample)
        with as_user(ann, settings={"auto": 2}):
            inside = raw(sample)
        with as_user(ann):
            without = raw(sample)
        after = raw(sample)

    assert before == after == {rows[1]}
    assert inside == {rows[2]}
    assert without == set()


def test_as_tenant_keeps_the_values(sample, ann, rows):
    other = people.tenant("bolt")
    with as_user(ann, settings={"auto": 2}), as_tenant(other):
        assert current_context().tenant == str(other.pk)
        assert raw(sample) == {rows[2]}


def test_as_role_and_as_system_take_values(sample, ann, rows):
    with as_role("everyone", settings={"auto": 2}):
        assert raw(sample) == {rows[2]}
    with as_system(reason="test", settings={"auto": 2}), connection.cursor() as cursor:
        cursor.execute("SELECT rls_perms.setting('auto')")
        assert cursor.fetchone() == ("2",)
    with pytest.raises(InvalidSetting, match=r"as_role\(settings=\.\.\.\) gives 'auto'"):
        as_role("everyone", settings={"auto": "x"}).__enter__()
    with pytest.raises(InvalidSetting, match=r"as_system\(settings=\.\.\.\) gives 'auto'"):
        as_system(reason="test", settings={"auto": "x"}).__enter__()


@pytest.mark.parametrize("alias", ["default", "server_side", "pooled"])
def test_a_value_is_gone_with_its_context_on_each_kind_of_connection(sample, ann, rows, alias):
    with as_user(ann, settings={"auto": 1}):
        inside = by_orm(sample, alias), raw(sample, alias)
    with as_user(ann):
        after = by_orm(sample, alias), raw(sample, alias)

    assert inside == ({rows[1]}, {rows[1]})
    assert after == (set(), set())


def test_in_one_transaction_too_and_after_rolling_back(sample, ann, rows):
    with transaction.atomic():
        with as_user(ann, settings={"auto": 1}):
            inside = raw(sample)
            with transaction.atomic():
                raw(sample)
                transaction.set_rollback(True)
            rolled_back = raw(sample)
        with as_user(ann):
            after = raw(sample)
            with transaction.atomic():
                raw(sample)
                transaction.set_rollback(True)
            after_rollback = raw(sample)

    assert inside == rolled_back == {rows[1]}
    assert after == after_rollback == set()


LEFT = pytest.mark.parametrize(
    "statement",
    [
        "SET rls_perms.{} = '1'",
        "SELECT set_config('rls_perms.{}', '1', false)",
        "DO $$ BEGIN PERFORM set_config('rls_perms.{}', '1', false); END $$",
    ],
)


@LEFT
@pytest.mark.parametrize("alias", ["default", "pooled"])
def test_what_a_session_was_left_with_counts_in_no_context(sample, ann, rows, alias, statement):
    assert_left_uncounted(statement.format("auto"), sample, ann, alias)


def assert_left_uncounted(statement, model, user, alias):
    """Nothing is shown after *statement*, in a context or before it, in a transaction too."""
    with as_user(user), connections[alias].cursor() as cursor:
        cursor.execute(statement)
    with as_user(user):
        assert raw(model, alias) == set()
    with connections[alias].cursor() as cursor:
        cursor.execute(statement)
    with transaction.atomic(using=alias), as_user(user):
        assert raw(model, alias) == set()


@LEFT
@pytest.mark.parametrize("alias", ["default", "pooled"])
def test_nor_does_it_where_protect_declares_who_reads_it(page, ann, alias, statement):
    row = page.objects.using("owner").create(zone=1).pk

    # First: in a session in which a context had the value, it is taken back after any statement.
    assert_left_uncounted(statement.format("zone"), page, ann, alias)
    with as_user(ann, settings={"zone": 1}):
        assert raw(page, "server_side") == {row}


def test_a_value_of_another_type_is_refused_where_protect_declares_it(page, ann):
    with (
        round_trips() as wire,
        pytest.raises(InvalidSetting, match=r"Setting\('zone'\) in the policies of office\.Page"),
        as_user(ann, settings={"zone": "north"}),
    ):
        raw(page)

    assert wire.count == 0


def test_values_cost_no_message(sample, ann, rows):
    with as_user(ann, settings={"auto": 1, "char": "x"}), round_trips() as wire:
        raw(sample)
        raw(sample)

    assert wire.count == 2


def test_the_index_on_the_column_is_used(sample, ann):
    text, _ = Setting("key", output_field=models.UUIDField()).as_sql(None, connection)
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("CREATE INDEX sample_key ON office_sample (key)")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN SELECT FROM office_sample WHERE key = {text}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
        transaction.set_rollback(True, using="owner")

    assert "sample_key" in plan
    assert "InitPlan" in plan


def test_what_is_read_back_names_each_setting(sample, db):
    people.sync()

    [shown] = show(connections["owner"], [sample])

    assert shown.summary == "As declared."
    assert "Policies read the setting 'auto' of the context, as IntegerField()." in shown.notes
    [auto] = [rule.sentences for rule in shown.rules if rule.name == "auto"]
    assert auto == (
        "Everyone may SELECT, INSERT, UPDATE and DELETE rows where auto is the setting 'auto'.",
    )


# Requests


def level_of(request):
    return {"auto": request.GET.get("auto"), "free": "any text", "empty": None}


def other_level(request):
    return {"auto": 2}


def nothing(request):
    return None


def processors(*names):
    paths = [f"{__name__}.{name}" for name in names]
    return override_settings(RLS_PERMS={**RLS_PERMS, "CONTEXT_PROCESSORS": paths})


RAW = "SELECT id, rls_perms.setting('free'), rls_perms.setting('empty') FROM office_sample"


@pytest.fixture
def client(ann):
    client = Client()
    client.force_login(ann)
    return client


def test_a_context_processor_gives_a_request_its_values(sample, rows, client):
    with processors("level_of"):
        one = client.post("/raw/?auto=1", {"query": RAW}).json()
        none = client.post("/raw/", {"query": RAW}).json()

    assert one == {"rows": [[str(rows[1]), "any text", "None"]]}
    assert none == {"rows": []}


def test_of_two_processors_the_later_counts(sample, rows, client):
    with processors("level_of", "other_level"):
        answer = client.post("/raw/?auto=1", {"query": RAW}).json()

    assert answer == {"rows": [[str(rows[2]), "any text", "None"]]}


def test_a_value_of_another_type_fails_the_request_and_names_the_processor(sample, rows, client):
    with (
        processors("level_of"),
        pytest.raises(InvalidSetting) as caught,
    ):
        client.post("/raw/?auto=north", {"query": RAW})

    path = f"{__name__}.level_of"
    assert f"{path!r} in RLS_PERMS['CONTEXT_PROCESSORS'] gives 'auto' the value 'north'" in str(
        caught.value
    )
    assert "IntegerField(), the output_field of Setting('auto')" in str(caught.value)


def test_every_query_of_such_a_request_fails_and_none_is_sent(sample, rows, ann):
    request = RequestFactory().get("/?auto=north")
    request.user = ann
    with processors("level_of"):
        context = RequestContext(request)
        for _ in range(2):
            with pytest.raises(InvalidSetting):
                context.entered()


def test_a_processor_that_answers_none_is_told_what_to_return(sample, client):
    with processors("nothing"), pytest.raises(ImproperlyConfigured, match="answers None"):
        client.post("/raw/", {"query": RAW})


@pytest.mark.parametrize(
    "name",
    ["user_id", "tenant_id", "new_0123456789abcdef", "USER_ID", "a.b", "1a", "", 3, "x" * 64],
)
def test_names_that_are_not_to_be_set_are_refused(ann, name):
    with pytest.raises(ConfigurationError, match=r"as_user\(settings=\.\.\.\) names a value"):
        as_user(ann, settings={name: "1"}).__enter__()
    with pytest.raises(ConfigurationError, match=r"Setting\(.*names a value"):
        Setting(name, output_field=models.TextField())


def test_a_value_that_no_declaration_asks_for_is_text(ann):
    with as_user(ann, settings={"free": 3}), connection.cursor() as cursor:
        cursor.execute("SELECT rls_perms.setting('free'), rls_perms.setting('never')")
        assert cursor.fetchone() == ("3", None)
    with pytest.raises(InvalidSetting, match="NUL"):
        as_user(ann, settings={"free": "a\0"}).__enter__()
    with pytest.raises(ConfigurationError, match="come as a dict"):
        as_user(ann, settings=["free"]).__enter__()


# The declaration


def test_a_setting_is_a_value():
    one = Setting("a", output_field=models.IntegerField(validators=[MinValueValidator(1)]))
    same = Setting("a", output_field=models.IntegerField(validators=[MinValueValidator(1)]))
    others = [
        Setting("b", output_field=models.IntegerField(validators=[MinValueValidator(1)])),
        Setting("a", output_field=models.IntegerField()),
        Setting("a", output_field=models.TextField()),
        CurrentTenant(),
    ]

    assert one == same
    assert hash(one) == hash(same)
    assert Q(x=one) == Q(x=same)
    assert repr(one) == repr(same) == "Setting('a', output_field=IntegerField())"
    assert [one == other for other in others] == [False] * 4


def test_a_migration_can_hold_it():
    field = postgres.ArrayField(models.CharField(max_length=9, choices=Colour))
    setting = Setting("a", output_field=field)

    text, imports = MigrationWriter.serialize(Q(x=setting))
    names = {}
    exec("\n".join(imports), names)  # noqa: S102 - as a migration is read

    assert eval(text, names | {"models": models}) == Q(x=setting)  # noqa: S307


@pytest.mark.parametrize(
    "field", [None, int, models.IntegerField, models.ForeignKey(Tenant, models.CASCADE)]
)
def test_its_output_field_is_a_field_of_a_type_of_its_own(field):
    with pytest.raises(TypeError, match=r"output_field=models\.IntegerField\(\)"):
        Setting("a", output_field=field)
