"""Find the models whose policies read each other, which PostgreSQL refuses to run."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from django.db.models import Model

from rls_perms.keywords import Command
from rls_perms.policies.constraint import declaration

#: Model -> the protected models that its policies read.
Edges = dict[type[Model], set[type[Model]]]


def loops(models: Iterable[type[Model]]) -> Iterator[tuple[type[Model], ...]]:
    """
    Each round of *models* on which policies read on to where they began, once.

    The first may read for any command; what it reads is asked by SELECT alone. Raises
    ConfigurationError for a condition that no policy can hold.
    """
    first, then = _edges(models)
    seen: set[frozenset[type[Model]]] = set()
    for model in first:
        found = _way_back(model, first, then)
        if found is not None and frozenset(found) not in seen:
            seen.add(frozenset(found))
            yield found


def _edges(models: Iterable[type[Model]]) -> tuple[Edges, Edges]:
    declared = {model: found for model in models if (found := declaration(model)) is not None}
    by_table = {model._meta.db_table: model for model in declared}
    first: Edges = defaultdict(set)
    then: Edges = defaultdict(set)
    for model, found in declared.items():
        for asked, read in found.reach(model).reads():
            others = {by_table[table] for table in read if table in by_table}
            first[model] |= others
            if asked.command in (None, Command.SELECT):
                then[model] |= others
    return first, then


def _way_back(model: type[Model], first: Edges, then: Edges) -> tuple[type[Model], ...] | None:
    """A shortest way from *model* to itself; None if there is none."""
    ways: list[tuple[type[Model], ...]] = [(model, one) for one in _sorted(first[model])]
    known: set[type[Model]] = set()
    while ways:
        way = ways.pop(0)
        if way[-1] is model:
            return way[:-1]
        if way[-1] not in known:
            known.add(way[-1])
            ways += [(*way, one) for one in _sorted(then.get(way[-1], set()))]
    return None


def _sorted(models: Iterable[type[Model]]) -> list[type[Model]]:
    return sorted(models, key=lambda one: one._meta.label)
