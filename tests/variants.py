"""How much of many like cases a plain run has: ``run.py test --all`` has all of them."""

import os
from collections.abc import Collection, Mapping

import pytest

#: Set by tests.plugin for --all and for files that are named, so that workers know it, too.
ALL = "RLS_PERMS_TEST_ALL"


def cases(known: Mapping[str, object], *, plain: Collection[str]) -> list[object]:
    """Parameters for each of *known*, by their names; those not named in *plain* are slow."""
    if unknown := set(plain) - set(known):
        raise ValueError(f"No such cases: {sorted(unknown)}.")
    return [
        pytest.param(one, id=name, marks=() if name in plain else pytest.mark.slow)
        for name, one in known.items()
    ]


def examples(*, plain: int, all_: int) -> int:
    """How many examples Hypothesis makes; RLS_PERMS_EXAMPLES=1000 makes as many."""
    return int(os.environ.get("RLS_PERMS_EXAMPLES", all_ if ALL in os.environ else plain))
