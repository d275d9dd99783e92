"""Conditions made up from what a model has: its columns, its relations, to a depth."""

import datetime
import uuid
from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Coalesce, Length, Lower
from django.db.models.lookups import Exact, GreaterThan
from hypothesis import strategies as st

import rls_perms
from rls_perms import CurrentUser

TEXTS = ["", "a", "b", "A", "it's", "100%", "a_b", "back\\slash", '"quoted"', "b%'", "café"]
VALUES = {
    models.BooleanField: [True, False],
    models.CharField: TEXTS,
    models.TextField: TEXTS,
    models.IntegerField: [-1, 0, 1, 2, 3],
    models.DecimalField: [Decimal("0"), Decimal("9.99"), Decimal("10.00")],
    # Before DateField, which it is as well.
    models.DateTimeField: [
        datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC),
        datetime.datetime(1999, 12, 31, 23, 30, tzinfo=datetime.UTC),
        datetime.datetime(2000, 1, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=-5))),
    ],
    models.DateField: [datetime.date(1999, 12, 31), datetime.date(2000, 1, 1)],
    models.UUIDField: [uuid.UUID(int=number) for number in range(3)],
    models.JSONField: [{"a": 1}, {"a": None}, {"b": [1, "x'%"]}, [], None, "text"],
}
LOOKUPS = {
    models.BooleanField: ["exact"],
    models.CharField: ["exact", "iexact", "contains", "icontains", "startswith", "endswith", "lt"],
    models.TextField: ["exact", "contains", "regex"],
    models.IntegerField: ["exact", "gt", "lte", "in", "range"],
    models.DecimalField: ["exact", "lt", "gte", "in"],
    models.DateField: ["exact", "gt", "year", "month__in", "range"],
    models.DateTimeField: ["gt", "date__gt", "hour"],
    models.UUIDField: ["exact", "in"],
    models.JSONField: ["exact", "a", "a__isnull", "contains", "has_key", "b__0"],
}


def kind(field):
    """The class that says which values and lookups *field* has; None for other fields."""
    return next((one for one in VALUES if isinstance(field, one)), None)


def value_of(draw, field, lookup):
    values = VALUES[kind(field)]
    last = lookup.split("__")[-1]
    special = {
        "year": st.sampled_from([1999, 2000]),
        "hour": st.integers(0, 2),
        "isnull": st.booleans(),
        "has_key": st.sampled_from(["a", "b'%"]),
        "0": st.sampled_from([1, "x"]),
        "contains": st.sampled_from([{"a": 1}, {}]) if kind(field) is models.JSONField else None,
        "a": st.sampled_from([1, None, "x"]),
        "regex": st.sampled_from(["^a", "b$", "'"]),
    }
    if special.get(last) is not None:
        return draw(special[last])
    if lookup == "month__in":
        return draw(st.lists(st.integers(1, 12), max_size=3))
    if last == "in":
        return draw(st.lists(st.sampled_from(values), max_size=3))
    if last == "range":
        return sorted(draw(st.lists(st.sampled_from(values), min_size=2, max_size=2)))
    return draw(st.sampled_from(values))


def columns(model):
    return [one for one in model._meta.concrete_fields if kind(one) and not one.is_relation]


def relations(model):
    """Every way on: foreign keys, one-to-one, many-to-many, and what points here."""
    return [one for one in model._meta.get_fields() if one.is_relation and one.related_model]


def label_of(relation):
    """The name by which a lookup goes along *relation*; None where it has none."""
    if getattr(relation, "hidden", False):
        return None
    name = getattr(relation, "related_query_name", None) if relation.auto_created else None
    if relation.auto_created:
        return relation.field.related_query_name() if name is None else relation.name
    return relation.name


@st.composite
def path(draw, model, depth):
    """A path of at most *depth* relations, and the model that it ends at."""
    names = []
    for _ in range(draw(st.integers(0, depth))):
        ways = [one for one in relations(model) if label_of(one) and _apart(one.related_model)]
        if not ways:
            break
        way = draw(st.sampled_from(ways))
        names.append(label_of(way))
        model = way.related_model
    return names, model


def _apart(model):
    """Users and what is the framework's may not be read by a policy, but for their keys."""
    framework = {"auth", "admin", "guardian", "contenttypes", "sessions", "rls_perms"}
    return not _is_user(model) and model._meta.app_label not in framework


def _is_user(model):
    return model._meta.label == settings.AUTH_USER_MODEL


@st.composite
def lookups(draw, model, depth):
    """A lookup along some relations, with a value, a column of the row or the asker."""
    names, end = draw(path(model, depth))
    prefix = "__".join(names)
    wanted = draw(st.integers(0, 9))
    keys = [
        one for one in end._meta.concrete_fields if one.is_relation and _is_user(one.related_model)
    ]
    if wanted == 0 and names:
        return Q(**{f"{prefix}__isnull": draw(st.booleans())})
    if wanted == 1 and keys:
        return Q(**{"__".join([*names, keys[0].name]): CurrentUser()})
    field = draw(st.sampled_from(columns(end)))
    name = "__".join([*names, field.name])
    if wanted == 2:
        return Q(**{f"{name}__isnull": draw(st.booleans())})
    if wanted == 3:
        same = [one for one in columns(model) if kind(one) is kind(field)]
        if same and kind(field) is not models.JSONField:
            compared = draw(st.sampled_from(["exact", "gt"]))
            return Q(**{f"{name}__{compared}": F(draw(st.sampled_from(same)).name)})
    if wanted == 4 and kind(field) is models.CharField:
        return draw(expressions(name))
    lookup = draw(st.sampled_from(LOOKUPS[kind(field)]))
    return Q(**{f"{name}__{lookup}": value_of(draw, field, lookup)})


@st.composite
def expressions(draw, name):
    """Conditions that are expressions, and not lookups."""
    return draw(
        st.sampled_from(
            [
                Q(Exact(Lower(name), Value("a"))),
                Q(GreaterThan(Length(Coalesce(name, Value("abc"))), Value(2))),
                Q(Case(When(Q(**{name: "a"}), then=Value(True)), default=Value(False))),
            ]
        )
    )


@st.composite
def subqueries(draw, model, depth):
    """Exists() on a model around, joined to the row by a foreign key or not."""
    ways = [
        one
        for one in relations(model)
        if one.one_to_many and label_of(one) and _apart(one.related_model)
    ]
    if not ways:
        return draw(lookups(model, depth))
    way = draw(st.sampled_from(ways))
    inner = draw(lookups(way.related_model, 1))
    link = Q(**{way.field.name: OuterRef("pk")})
    found = Q(rls_perms.Exists(way.related_model._meta.label, link & inner))
    return draw(st.sampled_from([found, ~found]))


def conditions(model, depth=3, leaves=4):
    """Q objects on *model*, of up to *leaves* lookups along up to *depth* relations."""
    return st.recursive(
        st.one_of(lookups(model, depth), lookups(model, depth), subqueries(model, depth)),
        lambda inner: st.one_of(
            st.builds(lambda one: ~one, inner),
            st.builds(lambda one, other: one & other, inner, inner),
            st.builds(lambda one, other: one | other, inner, inner),
            st.builds(lambda one, other: one ^ other, inner, inner),
        ),
        max_leaves=leaves,
    )


__all__ = ["Exists", "columns", "conditions", "kind", "relations"]
