"""A value of any field reaches its policy as it is: what it shows is what filter() finds."""

import datetime as dt
import decimal
import re
import uuid
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.contrib.postgres.search import SearchQuery
from django.core.exceptions import ValidationError
from django.db import DataError, connection, connections
from django.db.backends.postgresql.psycopg_any import (
    DateRange,
    DateTimeRange,
    DateTimeTZRange,
    NumericRange,
)
from django.db.migrations.writer import MigrationWriter
from django.db.models import F, Field, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy

from rls_perms import SELECT, Policy, RowSecurity, as_user
from rls_perms.exceptions import ConfigurationError
from tests import people, variants
from tests.office.models import Tenant
from tests.shapes import project
from tests.shapes.models import Color, Everything, Few, Placed, Size

UTC, BERLIN = dt.UTC, ZoneInfo("Europe/Berlin")
KOLKATA = dt.timezone(timedelta(hours=5, minutes=30))
TEXTS = [
    "",
    "it's",
    "100%",
    "a_b",
    "back\\slash",
    'dou"ble',
    "new\nline\ttab",
    "Ünï→😀",
    "%s %(x)s {} $1",
    "'; DROP TABLE x --",
    "E'\\x41'",
    "/* */ $$",
]
PARTS = ["%", "_", "\\", "'", '"', "\n", "{", "$", "s", "Ü"]


def each(field, lookups, values):
    return [Q((f"{field}__{lookup}", value)) for lookup in lookups.split() for value in values]


def text(field):
    """The lookups of texts, on texts and parts of them."""
    found = each(field, "contains icontains startswith istartswith endswith iendswith", PARTS)
    found += each(field, "regex iregex", [re.escape(part) for part in PARTS])
    found += each(field, "iexact gt lte", TEXTS)
    return [*found, Q((f"{field}__range", ("'", "a")))]


def number(field, *values):
    return [*each(field, "lt lte gt gte", values), Q((f"{field}__range", (-1, 2)))]


def bounds(field, inside, other):
    """The lookups of ranges, on a value of the kind and on another range."""
    found = each(field, "contains", [inside, other])
    found += each(
        field, "contained_by overlap fully_lt fully_gt not_lt not_gt adjacent_to", [other]
    )
    found += each(field, "startswith endswith", [inside])
    return found + each(field, "isempty lower_inc lower_inf upper_inc upper_inf", [True, False])


MOMENTS = [
    datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
    datetime(2026, 3, 29, 0, 30, 0, 1, tzinfo=BERLIN),
    datetime(2025, 12, 31, 23, 30, tzinfo=KOLKATA),
    datetime(1, 1, 2, tzinfo=UTC),
    datetime(9999, 12, 30, 23, 59, 59, 999999, tzinfo=UTC),
]
DATES = [date.min, date.max, date(2026, 2, 28), date(2025, 12, 31)]
INTEGERS = [0, -1, 1, 32767, -32768]
HUGE = [2**15, 2**31 - 1, 2**31, -(2**31), 2**63 - 1, 2**63, -(2**63), 10**30]
JSON = [
    {},
    [],
    {"a": {"b": [1, None, "x'%\\"]}},
    {"k'%\"\\": "v'%\"\\"},
    "text",
    1.5,
    True,
    ["a", {"b": None}],
    "Ü\n😀",
]
#: Field -> values that rows have and conditions ask for, conditions of the field's own.
FIELDS = {
    "big": ([2**63 - 2, -(2**63), 0], number("big", *HUGE, 1.5)),
    "binary": ([b"", b"\x00\xff'\\%", b"plain", bytes(range(256))], []),
    "boolean": ([True, False], []),
    "char": (TEXTS, text("char")),
    "color": ([*Color], each("color", "startswith gt", ["r", "'"])),
    "collated": (TEXTS, text("collated")[:20]),
    "date": (
        DATES,
        each("date", "year month day week week_day quarter iso_year iso_week_day", [1, 2, 2026])
        + each("date", "year__gte year__lt", [2026])
        + [Q(date__range=(date(2026, 1, 1), date.max)), Q(date__gt=date(2026, 1, 1))],
    ),
    "moment": (
        MOMENTS,
        each("moment", "month hour minute second quarter", [0, 1, 3, 30])
        + each("moment", "date date__lt date__gte", DATES)
        + each("moment", "time time__gt", [time(0, 30), time(1, 30)])
        + each("moment", "lt gte", MOMENTS)
        + [
            Q(moment__year=2026),
            Q(moment__year__gt=2025),
            Q(moment__range=(MOMENTS[2], MOMENTS[0])),
        ],
    ),
    "decimal": (
        [Decimal("0"), Decimal("-0.00001"), Decimal("123456789012345.12345"), Decimal("1E+3")],
        number("decimal", Decimal("0.1"), Decimal("1E-5"), Decimal(10) ** 14, 0.5),
    ),
    "duration": (
        [timedelta(0), timedelta(microseconds=1), timedelta(days=-1, hours=3), timedelta.max],
        each("duration", "lt gte", [timedelta(microseconds=2), timedelta(weeks=-400)]),
    ),
    "email": (["o'neill+%@example.org"], text("email")[:6]),
    "file": (["a/b c'%.txt"], text("file")[:6]),
    "path": (["/tmp/'%_\\"], text("path")[:6]),  # noqa: S108 - a value
    "float": (
        [0.1 + 0.2, float("inf"), float("-inf"), 1e308, 5e-324, -0.0, 1 / 3],
        number("float", 0.3, float("inf"), float("nan"), 1e-300),
    ),
    "generated": ([], number("generated", 1, 2**63 - 1, -(2**63) + 1)),
    "id": ([], number("id", 1, 3, *HUGE)),
    "image": (["a/b c'%.png", "Ü.png"], text("image")[:6]),
    "integer": ([*INTEGERS, 2**31 - 1, -(2**31)], number("integer", *HUGE)),
    "ip": (["127.0.0.1", "::1", "2001:db8::ff"], text("ip")[:6]),
    "json": (
        JSON,
        each("json", "contains contained_by", [*JSON[:5], {"a": {}}])
        + each("json", "has_key", ["a", "k'%\"\\", "%"])
        + each("json", "has_keys has_any_keys", [["a"], ["a", "k'%\"\\"], []])
        + each("json__a__b__0", "exact lt", [1, 2])
        + each("json__a__b__2", "exact contains startswith", ["x'%\\", "x", "%"])
        + each("json__a__b__2", "in", [["x'%\\", "y"]])
        + each("json__a", "isnull", [True, False])
        + [Q(("json__k'%\"\\", "v'%\"\\")), Q(json__1__b=None)],
    ),
    "nine": ([0, 2**63 - 1], number("nine", *HUGE)),
    "positive": ([0, 2**31 - 1], number("positive", *HUGE)),
    "positive_small": ([0, 32767], number("positive_small", *HUGE)),
    "size": ([*Size], []),
    "slug": (["a-b_c"], text("slug")[:6]),
    "small": (INTEGERS, number("small", *HUGE)),
    "text": (TEXTS, text("text")),
    "time": (
        [time(0), time(23, 59, 59, 999999), time(12, 30)],
        [*each("time", "hour minute second", [0, 12, 30, 59]), Q(time__gt=time(12))],
    ),
    "url": (["https://example.org/?a=%27&b='"], text("url")[:6]),
    "uuid": (
        [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), uuid.UUID(int=12345)],
        each("uuid", "startswith icontains", ["ff", "0000-"]),
    ),
    "foreign": ([1], [*each("foreign", "gt", [0]), Q(foreign_id=1), Q(foreign__pk=1)]),
    "one": ([1], [*each("one", "gt", [0]), Q(one_id=1)]),
    "array": (
        [[], [1, None, 3], [2**31 - 1], [1, 2, 3]],
        each("array", "contains contained_by overlap", [[], [1], [1, 2, 3, 4], [3, None]])
        + each("array", "len", [0, 3])
        + each("array__0", "exact gt", [1])
        + [Q(array__0_2=[1, 2])],
    ),
    "words": (
        [["it's", "a,b", '{"x"}', "NULL", "", None, "%\\"], [None], ["Ü\n"]],
        each("words", "contains overlap", [["it's"], ['{"x"}'], ["%\\", ""], ["NULL"]])
        + each("words__0", "startswith", ["it'"]),
    ),
    "nested": (
        [[[1, 2], [3, 4]], [], [[-1]]],
        [*each("nested", "contains", [[[1]], [[4, 3]]]), Q(nested__0__1=2)],
    ),
    "hstore": (
        [{}, {"a": "b'%\\"}, {'k"=>,': None, "": ""}, {"Ü": "NULL"}],
        each("hstore", "contains contained_by", [{"a": "b'%\\"}, {}, {"": ""}])
        + each("hstore", "has_key", ["a", 'k"=>,', ""])
        + each("hstore", "has_keys has_any_keys", [["a", ""], ["Ü"]])
        + each("hstore__a", "exact contains", ["b'%\\", "%"])
        + each("hstore", "keys values", [["a"]])
        + each("hstore", "values__contains", [["b'%\\"]]),
    ),
    "integers": (
        [
            NumericRange(1, 5),
            NumericRange(None, 3),
            NumericRange(empty=True),
            NumericRange(4, 4, "[]"),
        ],
        bounds("integers", 4, NumericRange(2, 9)),
    ),
    "bigs": (
        [NumericRange(-(2**63), 2**63 - 1), NumericRange(None, None)],
        bounds("bigs", 2**62, NumericRange(2, 9)),
    ),
    # As tuples: Django's MigrationWriter forgets the imports of what is in a range.
    "decimals": (
        [NumericRange(Decimal("0.1"), Decimal("0.2"), "(]"), NumericRange(Decimal("-1"), None)],
        bounds("decimals", Decimal("0.2"), (Decimal("0.15"), Decimal("9.5"))),
    ),
    "moments": (
        [DateTimeTZRange(MOMENTS[2], MOMENTS[0]), DateTimeTZRange(None, MOMENTS[1], "()")],
        bounds("moments", MOMENTS[1], (MOMENTS[1], MOMENTS[0])),
    ),
    "dates": (
        [DateRange(date(2026, 1, 1), date(2026, 3, 1)), DateRange(date(2025, 1, 1), None)],
        bounds("dates", date(2026, 2, 28), (date(2026, 2, 1), date(2026, 4, 1))),
    ),
    "search": (
        [],
        [
            Q(search=SearchQuery("cats", config="english")),
            Q(search=SearchQuery("'fat' & !rat", search_type="raw", config="simple")),
            ~Q(search=SearchQuery("it's", config="english")),
        ],
    ),
}

#: Columns that one model can have but one of.
KEYS = {
    (Placed, "id"): number("id", 1, 2, *HUGE),
    (Placed, "_order"): number("_order", 0, 1, *HUGE),
    (Few, "id"): number("id", 1, 2, *HUGE),
}
#: Classes of Django's that no column has, or that another test tries.
EXEMPT = {
    "Field": "a base class",
    "RelatedField": "a base class",
    "ForeignObject": "a base class: no column of its own",
    "RangeField": "a base class",
    "ContinuousRangeField": "a base class",
    "CommaSeparatedIntegerField": "removed: a system check refuses it",
    "IPAddressField": "removed: a system check refuses it",
    "NullBooleanField": "removed: a system check refuses it",
    "CICharField": "removed: a system check refuses it",
    "CIEmailField": "removed: a system check refuses it",
    "CITextField": "removed: a system check refuses it",
    "SearchQueryField": "of expressions: no column has it",
    "_Float4Field": "of expressions: no column has it",
    "CompositePrimaryKey": "a tuple of columns: Cell in tests/test_shapes.py",
    "ManyToManyField": "no column, but a table: tests/test_corpus.py, Book.labels",
}


def conditions(field):
    """Of the field's own, and those of every field."""
    values, own = FIELDS[field]
    if field in ("decimals", "moments", "dates"):
        values = [(one.lower, one.upper) for one in values]
    exact = [Q((field, value)) for value in values]
    found = [*own, *exact, *(~one for one in exact)]
    found += each(field, "isnull", [True, False])
    if values:
        found += [Q((f"{field}__in", values[:2])), ~Q((f"{field}__in", values[1:]))]
    return found


@pytest.fixture(scope="module")
def shapes():
    with project.deployed() as made:
        yield made


@pytest.fixture(scope="module")
def guest(shapes):
    """Somebody without a permission, whom the policy alone shows rows; and all the rows."""
    people.make(Tenant(pk=1, name="acme"))
    for field, (values, _) in FIELDS.items():
        for value in values:
            people.make(
                Everything(
                    **{
                        "foreign_id"
                        if field == "foreign"
                        else "one_id"
                        if field == "one"
                        else field: value
                    }
                )
            )
    people.make(Everything(big=0))
    people.make(Everything())
    with people.owner_cursor() as cursor:
        cursor.execute(
            "INSERT INTO shapes_everything (search) VALUES (to_tsvector('english', %s)),"
            " (to_tsvector('simple', %s))",
            ["it's the cat", "fat 'cats'"],
        )
    for _ in range(3):
        people.make(Placed(tenant_id=1))
        people.make(Few())
    made = people.user("guest")
    people.sync()
    return made


def declared(condition, model=Everything):
    policy = Policy("rows", command=SELECT, using=condition, permission_required=False)
    return RowSecurity(policies=[policy], name=f"{model._meta.db_table}_rls")


def written(declaration, model=Everything):
    owner = connections["owner"]
    compiler = declaration.compiler(model, owner, owner.settings_dict["USER"])
    return declaration.written(compiler).sql


def shown(guest, condition, model=Everything):
    """The rows that *guest* sees under a policy of *condition*, by the ORM and by SQL."""
    with people.owner_cursor() as cursor:
        cursor.execute(written(declared(condition, model), model))
    with as_user(guest), connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM {model._meta.db_table} ORDER BY id")
        by_sql = [key for (key,) in cursor.fetchall()]
        return by_sql, [*model.objects.order_by("pk").values_list("pk", flat=True)]


def found(condition, model=Everything):
    rows = model.objects.using("owner").filter(condition)
    return [*rows.order_by("pk").values_list("pk", flat=True)]


def read_back(declaration):
    """*declaration* as a migration writes it, and as Python reads that."""
    text, imports = MigrationWriter.serialize(declaration)
    names = {}
    exec("\n".join(imports), names)  # noqa: S102 - what a migration file is
    return eval(text, names)  # noqa: S307


def classes(base=Field):
    """Every class of columns that Django has of its own, and for PostgreSQL."""
    for one in base.__subclasses__():
        if one.__module__.startswith(("django.db.models.", "django.contrib.postgres.")):
            yield one
        yield from classes(one)


def test_every_type_of_field_is_tried():
    columns = {one.name: one for one in Everything._meta.concrete_fields}
    others = [model._meta.get_field(name) for model, name in KEYS]
    tried = {type(one).__name__ for one in (*columns.values(), *others)}

    assert FIELDS.keys() == columns.keys()
    assert {one.__name__ for one in (Field, *classes())} - tried - EXEMPT.keys() == set()
    assert tried & EXEMPT.keys() == set()


@pytest.mark.parametrize("field", FIELDS)
def test_a_policy_shows_what_filter_finds(guest, field):
    tried = {
        condition: (found(condition), *shown(guest, condition))
        for condition in variants.some(conditions(field), one_in=3)
    }

    assert [(one, *rows) for one, rows in tried.items() if len({*map(tuple, rows)}) > 1] == []
    assert any(rows[0] for rows in tried.values())


@pytest.mark.parametrize(("model", "field"), KEYS)
def test_a_policy_on_a_key_shows_what_filter_finds(guest, model, field):
    tried = {
        condition: (found(condition, model), *shown(guest, condition, model))
        for condition in KEYS[model, field]
    }

    assert [(one, *rows) for one, rows in tried.items() if len({*map(tuple, rows)}) > 1] == []
    assert any(rows[0] for rows in tried.values())


@pytest.mark.parametrize("field", FIELDS)
def test_a_migration_keeps_a_condition_as_it_is(shapes, field):
    pairs = [(one, read_back(one)) for one in map(declared, conditions(field))]

    assert [one for one, again in pairs if one != again] == []
    assert [one for one, again in pairs if hash(one) != hash(again)] == []
    assert [one for one, again in pairs if one.mark != again.mark] == []


@pytest.mark.parametrize("field", ["date", "moment", "time", "duration", "dates", "moments"])
def test_a_condition_is_one_text_in_every_time_zone(shapes, field):
    declarations = [declared(one) for one in conditions(field)]
    before = [written(one) for one in declarations]

    with timezone.override("Pacific/Auckland"):
        assert [written(one) for one in declarations] == before


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Q(color=Color.RED), Q(color=Color.RED.value)),
        (Q(size__in=[Size.SMALL]), Q(size__in=(1,))),
        (Q(boolean=True), Q(boolean=1)),
        (Q(decimal=Decimal("1.0")), Q(decimal=Decimal("1.00"))),
        (Q(text=gettext_lazy("word")), Q(text="word")),
        (Q(moment=MOMENTS[1]), Q(moment=MOMENTS[1].astimezone(UTC))),
        (Q(float=float("nan")), Q(float=float("nan"))),
        (
            Q(moments=DateTimeRange(MOMENTS[1], None)),
            Q(moments=DateTimeRange(MOMENTS[1].astimezone(UTC), None)),
        ),
        (Q(char__in={"a", "b"}), Q(char__in={"b", "a"})),
    ],
)
def test_what_a_migration_takes_for_the_same_carries_the_same_mark(one, other):
    assert declared(one) == declared(other)
    assert declared(one).mark == declared(other).mark
    assert hash(declared(one)) == hash(declared(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Q(text="1"), Q(text=1)),
        (Q(text="a"), Q(char="a")),
        (Q(text="a"), ~Q(text="a")),
        (Q(text="a") & Q(char="b"), Q(text="a") | Q(char="b")),
        (Q(text=None), Q(text="None")),
        (Q(array=[1, 2]), Q(array=[2, 1])),
        (Q(text=F("char")), Q(text="F(char)")),
        (Q(binary=b"a"), Q(binary=b"b")),
        (Q(date=date(2026, 1, 1)), Q(date=datetime(2026, 1, 1))),
        (Q(duration=timedelta(1)), Q(duration=timedelta(1, microseconds=1))),
        (Q(integers=NumericRange(1, 2)), Q(integers=NumericRange(1, 2, "[]"))),
        (Q(float=float("inf")), Q(float=float("-inf"))),
    ],
)
def test_what_is_not_the_same_carries_another_mark(one, other):
    assert declared(one) != declared(other)
    assert declared(one).mark != declared(other).mark


def test_columns_of_one_row_can_be_compared(guest):
    for condition in (
        Q(big__gte=F("generated") - 1),
        Q(text__contains=F("char")),
        Q(small=F("size")),
    ):
        assert shown(guest, condition) == (found(condition), found(condition))


@pytest.mark.parametrize("field", ["char", "text", "email", "foreign__name"])
def test_a_nul_is_refused_before_anything_is_written(guest, field):
    with pytest.raises(ConfigurationError, match=r"shapes\.Everything .* NUL"):
        written(declared(Q((field, "a\0b"))))


@pytest.mark.parametrize("value", [Decimal("Infinity"), Decimal("NaN")], ids=str)
def test_a_decimal_that_is_no_number_is_refused_as_filter_refuses_it(guest, value):
    with pytest.raises((ValidationError, decimal.InvalidOperation)):
        found(Q(decimal=value))
    with pytest.raises(ConfigurationError, match=r"shapes\.Everything"):
        written(declared(Q(decimal=value)))


@pytest.mark.parametrize(
    "condition",
    [Q(integer="x"), Q(uuid="x"), Q(date="x"), Q(moment="x"), Q(boolean="x")],
)
def test_a_value_of_another_type_is_refused_with_the_model(guest, condition):
    with pytest.raises(ConfigurationError, match=r"shapes\.Everything"):
        written(declared(condition))


@pytest.mark.parametrize("condition", [Q(json__a="a\0b"), Q(duration="x")], ids=repr)
def test_a_value_that_postgresql_refuses_changes_nothing(shapes, guest, condition):
    before = shapes.value("SELECT rls_perms.policy_digest('shapes_everything')", user=shapes.boss)

    with people.owner_cursor() as cursor, pytest.raises(DataError):
        cursor.execute(written(declared(condition)))

    after = shapes.value("SELECT rls_perms.policy_digest('shapes_everything')", user=shapes.boss)
    assert after == before
