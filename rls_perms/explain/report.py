"""Write shown tables as lines of text, or as data for other programs. Pure."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any, Literal, NamedTuple

from rls_perms.explain.tables import TO_COMPARE, ShownPolicy, ShownRule, ShownTable
from rls_perms.statements.row_security import PolicySpec

#: From this width on, the declared and the present text of a policy stand side by side.
WIDE = 120
NARROW = 100
INDENT = "    "
NOTHING = "(nothing)"


class Line(NamedTuple):
    text: str
    kind: Literal["heading", "difference", "plain"] = "plain"


def lines(tables: Iterable[ShownTable], width: int) -> Iterator[Line]:
    """The report; *width* is the terminal's, 0 for none."""
    for number, table in enumerate(tables):
        if number:
            yield Line("")
        yield from _table(table, width)


def differing(tables: Sequence[ShownTable], width: int) -> Iterator[Line]:
    """What differs and nothing else, then how many models are as declared."""
    different = [table for table in tables if table.differences]
    for table in different:
        yield from _head(table)
        policies = [one for rule in table.rules for one in rule.policies if one.difference]
        for policy in policies:
            if policy.difference != TO_COMPARE:
                yield Line("")
                yield from _policy(policy, width)
        if any(policy.difference == TO_COMPARE for policy in policies):
            yield Line(f"  Both texts of each policy: manage.py rls_show {table.model}")
        yield Line("")
    as_declared = len(tables) - len(different)
    yield Line(f"As declared: {as_declared} {'model' if as_declared == 1 else 'models'}.")


def _table(table: ShownTable, width: int) -> Iterator[Line]:
    yield from _head(table)
    for rule in table.rules:
        yield Line("")
        yield from _rule(rule, width)
    for title, texts in (
        ("Also", table.notes),
        ("Roles", tuple(f"{role}: {meaning}" for role, meaning in table.roles.items())),
    ):
        if texts:
            yield Line("")
            yield Line(f"  {title}", "heading")
            for text in texts:
                yield from _wrapped(text, width)


def _head(table: ShownTable) -> Iterator[Line]:
    """The table's name, and how the database's policies stand to the declaration."""
    yield Line(f"{table.model} (table {table.table})", "heading")
    told = [table.summary, *(one for one in table.differences if one != table.summary)]
    for number, text in enumerate(told):
        if number or table.differences:
            yield Line(f"! {text}", "difference")
        else:
            yield Line(f"  {text}")


def _rule(rule: ShownRule, width: int) -> Iterator[Line]:
    yield Line(f"  {rule.name}", "heading")
    for sentence in rule.sentences:
        yield from _wrapped(sentence, width)
    for policy in rule.policies:
        yield Line("")
        yield from _policy(policy, width)


def _policy(policy: ShownPolicy, width: int) -> Iterator[Line]:
    if policy.difference:
        yield Line(f"  ! {policy.name}: {policy.difference}", "difference")
    else:
        yield Line(f"{INDENT}{policy.name}")
    if width < WIDE:
        for title, spec in (("declared", policy.declared), ("in the database", policy.present)):
            yield Line(f"{INDENT}  {title}:")
            for text in _cut(_text(spec), (width or NARROW) - 8):
                yield Line(f"{INDENT}    {text}")
        return
    half = (width - len(INDENT) - 5) // 2
    columns = [
        [title, *_cut(_text(spec), half)]
        for title, spec in (("declared:", policy.declared), ("in the database:", policy.present))
    ]
    for left, right in zip_longest(*columns, fillvalue=""):
        yield Line(f"{INDENT}  {left:<{half}} | {right}".rstrip())


def _text(spec: PolicySpec | None) -> list[str]:
    """A policy as CREATE POLICY would have it, line by line."""
    if spec is None:
        return [NOTHING]
    found = [] if spec.permissive else ["AS RESTRICTIVE"]
    found.append(f"FOR {spec.command} TO {', '.join(sorted(spec.roles))}")
    if spec.using is not None:
        found.append(f"USING {_bracketed(spec.using)}")
    if spec.check is not None:
        found.append(f"WITH CHECK {_bracketed(spec.check)}")
    return found


def _bracketed(condition: str) -> str:
    """PostgreSQL's text of a condition has brackets around it, where it is more than a word."""
    if condition.startswith("(") and _closes_last(condition):
        return condition
    return f"({condition})"


def _closes_last(condition: str) -> bool:
    depth = 0
    for place, letter in enumerate(condition):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return place == len(condition) - 1
    return False


def _cut(texts: Iterable[str], width: int) -> list[str]:
    return [
        line
        for text in texts
        for line in textwrap.wrap(
            text, width, subsequent_indent="  ", break_on_hyphens=False, drop_whitespace=True
        )
    ]


def _wrapped(text: str, width: int) -> Iterator[Line]:
    for line in textwrap.wrap(
        text, (width or NARROW) - 4, subsequent_indent="  ", break_on_hyphens=False
    ):
        yield Line(f"{INDENT}{line}")


def as_data(tables: Iterable[ShownTable]) -> dict[str, Any]:
    """
    Values that JSON can say: ``tables``, a list.

    Each has ``model``, ``table``, ``declared``, ``summary``, ``rules``, ``notes``, ``roles`` and
    ``differences``; a policy is ``declared`` and ``present``, null where there is none.
    """
    return {
        "tables": [
            {
                "model": table.model,
                "table": table.table,
                "declared": table.declared,
                "summary": table.summary,
                "rules": [
                    {
                        "name": rule.name,
                        "sentences": list(rule.sentences),
                        "policies": [_policy_data(one) for one in rule.policies],
                    }
                    for rule in table.rules
                ],
                "notes": list(table.notes),
                "roles": dict(table.roles),
                "differences": list(table.differences),
            }
            for table in tables
        ]
    }


def _policy_data(policy: ShownPolicy) -> dict[str, Any]:
    return {
        "name": policy.name,
        "declared": _spec_data(policy.declared),
        "present": _spec_data(policy.present),
        "difference": policy.difference,
    }


def _spec_data(spec: PolicySpec | None) -> dict[str, Any] | None:
    if spec is None:
        return None
    return {
        "command": str(spec.command),
        "permissive": spec.permissive,
        "roles": sorted(spec.roles),
        "using": spec.using,
        "check": spec.check,
    }
