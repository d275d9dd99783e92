"""How worlds are drawn for a model: by the types of its fields, and what conditions say."""

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import Model, Q

from rls_perms import targets
from rls_perms.conf import get_settings
from rls_perms.exceptions import ConfigurationError
from rls_perms.expressions import settings_in
from rls_perms.keywords import Command
from rls_perms.memberships import membership_model, tenant_field
from rls_perms.policies.constraint import declaration
from rls_perms.policies.declared import ObjectPermissions, Policy
from rls_perms.testing.expected import declared_of
from rls_perms.testing.world import Grant, Ref, Row, World

ACTIONS = tuple(one.action for one in Command)
#: Texts that are no key of a row, though they look like one.
JUNK = ("", "01", "junk", "9" * 30)

Draw = Callable[[Any], Any]


class Drawer:
    """Draws worlds for one model."""

    def __init__(
        self,
        model: type[Model],
        fields: dict[str, Any],
        users: int,
        rows: int,
        hypothesis: Any,
    ) -> None:
        declared_of(model)
        self.model = model
        self.fields = fields
        self.most_users = users
        self.most_rows = rows
        self.strategies = hypothesis.strategies
        self.from_field = hypothesis.extra.django.from_field
        self.unresolved = hypothesis.errors.ResolutionFailed
        self.user_model: Any = get_user_model()
        self.group_model: Any = Group
        if _has(self.user_model, "groups"):
            self.group_model = self.user_model._meta.get_field("groups").remote_field.model
        label = get_settings().tenant_model
        self.tenant_model = None if label is None else apps.get_model(label)
        self.models = list(_reached(model))
        self.constants = _constants(self.models)

    # A world

    def world(self, draw: Draw) -> World:
        st = self.strategies
        self.rows: list[Row] = []
        self.places: dict[type[Model], list[int]] = {}
        self.permissions: list[tuple[int, tuple[str, ...]]] = []
        held = st.lists(st.sampled_from(self._permissions()), unique=True, max_size=4).map(tuple)
        if self.tenant_model is not None:
            for _ in range(2):
                self._row(draw, self.tenant_model, depth=0)
        for name in [*self._group_names(), "Odd Ones"]:
            place = self._row(draw, self.group_model, depth=0, values={"name": name})
            self.permissions.append((place, draw(held)))
        for number in range(draw(st.integers(2, max(2, self.most_users)))):
            place = self._user(draw, number)
            self.permissions.append((place, draw(held)))
        self._memberships(draw)
        for _ in range(draw(st.integers(1, self.most_rows))):
            self._row(draw, self.model, depth=0)
        settings = self._settings(draw)
        return World(tuple(self.rows), tuple(self.permissions), self._grants(draw), settings)

    def _permissions(self) -> list[str]:
        found = [
            f"{one._meta.app_label}.{action}_{one._meta.model_name}"
            for one in self.models
            for action in ACTIONS
        ]
        asked = [one.name for one in self._targets() if isinstance(one, targets.Permission)]
        return list(dict.fromkeys([*found, *asked]))

    def _group_names(self) -> list[str]:
        found = [one.name for one in self._targets() if isinstance(one, targets.Group)]
        return list(dict.fromkeys([*found, "Some"]))

    def _targets(self) -> Iterator[Any]:
        for policy in _policies(self.models):
            yield from policy.to or ()

    def _settings(self, draw: Draw) -> tuple[Mapping[str, Any] | None, ...]:
        found = {}
        for policy in _policies([self.model]):
            for one in settings_in((policy.using, policy.check)):
                strategy = self._of_type(one.output_field, f"Setting({one.name!r})")
                found[one.name] = draw(strategy.filter(lambda value: value not in (None, "")))
        return (None, found) if found else (None,)

    # Rows

    def _add(self, model: type[Model], row: Row) -> int:
        self.rows.append(row)
        self.places.setdefault(model, []).append(len(self.rows) - 1)
        return len(self.rows) - 1

    def _user(self, draw: Draw, number: int) -> int:
        st = self.strategies
        model = self.user_model
        values: dict[str, Any] = {model.USERNAME_FIELD: f"user{number}"}
        if model._meta.get_field(model.USERNAME_FIELD).get_internal_type() == "EmailField":
            values = {model.USERNAME_FIELD: f"user{number}@example.com"}
        for name, share in (("is_active", 5), ("is_superuser", 9)):
            if _has(model, name):
                rare = draw(st.integers(0, share)) == share
                values[name] = rare if name == "is_superuser" else not rare
        known = tenant_field()
        if known is not None:
            values[known.name] = self._ref(draw, self.tenant_model, none=known.null)
        many = {}
        if _has(model, "groups"):
            places = st.sampled_from(self.places[self.group_model]).map(Ref)
            many["groups"] = tuple(draw(st.lists(places, unique=True, max_size=2)))
        return self._row(draw, model, depth=0, values=values, many=many)

    def _memberships(self, draw: Draw) -> None:
        """Groups that some of the users have in one of the tenants."""
        known = membership_model()
        if known is None or self.tenant_model is None:
            return
        st = self.strategies
        groups = st.lists(
            st.sampled_from(self.places[self.group_model]).map(Ref), unique=True, max_size=2
        )
        pairs = [
            (Ref(user), Ref(tenant))
            for user in self.places[self.user_model]
            for tenant in self.places[self.tenant_model]
        ]
        for user, tenant in draw(st.lists(st.sampled_from(pairs), unique=True, max_size=4)):
            values: dict[str, Any] = {known.user.name: user, known.tenant.name: tenant}
            many = {}
            if known.active is not None:
                values[known.active.name] = draw(st.integers(0, 4)) != 4
            if known.groups.many_to_many:
                many[known.groups.name] = tuple(draw(groups))
            else:
                values[known.groups.name] = next(iter(draw(groups)), None)
            self._row(draw, known.model, depth=0, values=values, many=many)

    def _ref(self, draw: Draw, model: Any, *, none: bool) -> Ref | None:
        st = self.strategies
        places: list[Any] = [Ref(place) for place in self.places.get(model, [])]
        return draw(st.sampled_from([*places, None] if none or not places else places))  # type: ignore[no-any-return]

    def _row(
        self,
        draw: Draw,
        model: type[Model],
        *,
        depth: int,
        values: Mapping[str, Any] | None = None,
        many: Mapping[str, tuple[Ref, ...]] | None = None,
    ) -> int:
        made = dict(values or {})
        for one in model._meta.concrete_fields:
            if one.name in made or _is_made(one):
                continue
            if values is not None and (one.has_default() or one.null or one.blank):
                continue
            if one.is_relation:
                made[one.name] = self._related(draw, one, depth)
            else:
                made[one.name] = draw(self._of_field(one))
        links = dict(many or {})
        if model is self.model:
            others: list[Any] = [*model._meta.many_to_many]
            for other in others:
                if not other.remote_field.through._meta.auto_created:
                    continue
                known = self.places.get(other.related_model, [])
                if known:
                    places = self.strategies.sampled_from(known).map(Ref)
                    drawn = draw(self.strategies.lists(places, unique=True, max_size=2))
                    links[other.name] = tuple(drawn)
        return self._add(model, Row(model._meta.label, made, links))

    def _related(self, draw: Draw, one: Any, depth: int) -> Ref | None:
        """A row that is there already, a new one, or none."""
        st, other = self.strategies, one.related_model
        known = self.places.get(other, [])
        alone = other in (self.user_model, self.tenant_model)
        if one.null and (depth > 2 or draw(st.integers(0, 3)) == 0):
            return None
        if known and (alone or other is self.model or draw(st.booleans())):
            return self._ref(draw, other, none=False)
        if other is self.model and one.null:
            return None
        if depth > 5:
            raise ConfigurationError(
                f"{self.model._meta.label} needs {other._meta.label} by more than five foreign "
                "keys in a row. Give fields={...} a strategy for one of them."
            )
        return Ref(self._row(draw, other, depth=depth + 1))

    def _of_field(self, one: Any) -> Any:
        label = f"{one.model._meta.label}.{one.name}"
        if label in self.fields:
            return self.fields[label]
        strategy = self._of_type(one, label)
        constants = self.constants.get((one.model, one.name), [])
        if constants:
            strategy = self.strategies.one_of(self.strategies.sampled_from(constants), strategy)
        return strategy

    def _of_type(self, one: Any, label: str) -> Any:
        st = self.strategies
        known: dict[Any, Any] = {
            models.DateTimeField: st.datetimes(
                datetime.datetime(2000, 1, 1),
                datetime.datetime(2030, 1, 1),
                timezones=st.just(datetime.UTC),
            ),
            models.DateField: st.dates(datetime.date(2000, 1, 1), datetime.date(2030, 1, 1)),
            models.DecimalField: st.sampled_from([Decimal(0), Decimal(1)]),
            models.JSONField: st.sampled_from([{}, {"a": 1}, [], "text"]),
            models.FileField: st.just(""),
        }
        for kind, strategy in known.items():
            if isinstance(one, kind) and not one.choices:
                return st.one_of(st.none(), strategy) if one.null else strategy
        try:
            return self.from_field(one)
        except self.unresolved as error:
            raise ConfigurationError(
                f"Nothing is known of values of {label}, a {type(one).__name__}. Give a strategy: "
                f"fields={{{label!r}: ...}}."
            ) from error

    # Object permissions

    def _grants(self, draw: Draw) -> tuple[Grant, ...]:
        st = self.strategies
        places = [
            (place, model)
            for model in self.models
            if any(isinstance(one, ObjectPermissions) for one in _declared(model))
            for place in self.places.get(model, [])
        ]
        if not places:
            return ()
        holders = [*self.places.get(self.group_model, []), *self.places[self.user_model]]

        @st.composite  # type: ignore[untyped-decorator]
        def grants(draw_one: Draw) -> Grant:
            place, model = draw_one(st.sampled_from(places))
            action = draw_one(st.sampled_from(ACTIONS))
            junk = draw_one(st.sampled_from(["", "", "", *JUNK]))
            return Grant(
                f"{model._meta.app_label}.{action}_{model._meta.model_name}",
                Ref(draw_one(st.sampled_from(holders))),
                None if junk else Ref(place),
                junk,
            )

        return tuple(draw(st.lists(grants(), max_size=8)))


def _has(model: Any, name: str) -> bool:
    try:
        model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return True


def _is_made(one: Any) -> bool:
    """Whether the database makes the value."""
    automatic = isinstance(one, models.AutoField) or getattr(one, "generated", False)
    parent = one.is_relation and getattr(one.remote_field, "parent_link", False)
    return bool(automatic or parent or (one.primary_key and one.has_default()))


def _declared(model: type[Model]) -> Sequence[Any]:
    found = declaration(model)
    return () if found is None else found.policies


def _policies(found: Iterable[type[Model]]) -> Iterator[Policy]:
    for model in found:
        yield from (one for one in _declared(model) if isinstance(one, Policy))


def _reached(model: type[Model]) -> Iterator[type[Model]]:
    """*model* and the protected models that its foreign keys lead to."""
    known: set[type[Model]] = set()
    ways = [model]
    while ways:
        one = ways.pop()
        if one not in known and declaration(one) is not None:
            known.add(one)
            yield one
            fields = [*one._meta.concrete_fields, *one._meta.many_to_many]
            ways += [other.related_model for other in fields if other.is_relation]  # type: ignore[misc]


def _constants(found: Iterable[type[Model]]) -> dict[tuple[type[Model], str], list[Any]]:
    """What conditions compare fields with: (model, field) -> values."""
    known: dict[tuple[type[Model], str], list[Any]] = {}
    for model in found:
        for policy in _policies([model]):
            for path, value in _lookups(policy.using, policy.check):
                one: Any = model
                for name in path.split("__"):
                    if one is None or not _has(one, name):
                        break
                    at = one._meta.get_field(name)
                    if not at.is_relation:
                        known.setdefault((at.model, at.name), []).append(value)
                        break
                    one = at.related_model
    return known


def _lookups(*conditions: Q | None) -> Iterator[tuple[str, Any]]:
    for condition in conditions:
        for child in () if condition is None else condition.children:
            match child:
                case Q():
                    yield from _lookups(child)
                case (str() as path, str() | int() | Decimal() as value):
                    if not path.endswith("__isnull"):
                        yield path, value
