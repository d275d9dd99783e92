"""Make worlds up for a model, and compare in each of them."""

import os
from collections.abc import Mapping
from typing import Any

from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import Model

from rls_perms.exceptions import ConfigurationError
from rls_perms.testing.askers import owner_of
from rls_perms.testing.drawing import Drawer
from rls_perms.testing.match import assert_permissions_match
from rls_perms.testing.world import World

#: How many worlds a check makes, unless it is told; RLS_PERMS_EXAMPLES makes more.
EXAMPLES = 5
ENVIRONMENT = "RLS_PERMS_EXAMPLES"


def worlds(
    model: type[Model],
    *,
    fields: Mapping[str, Any] | None = None,
    users: int = 4,
    rows: int = 5,
) -> Any:
    """
    A Hypothesis strategy of ``World`` for *model*: nothing is written before ``make()``.

    Values are made up by the type of a field, and from what conditions compare with; rows that
    fields point to are made, too. *fields* gives strategies for some, as ``{"app.Model.field":
    strategy}``. *users* and *rows* are how many there are at most.

    It needs Hypothesis: ``pip install rls-perms[testing]``.
    """
    drawer = Drawer(model, dict(fields or {}), users, rows, _hypothesis())
    return drawer.strategies.composite(lambda draw: drawer.world(draw))()


def check_permissions_match(
    model: type[Model],
    *,
    examples: int | None = None,
    fields: Mapping[str, Any] | None = None,
    users: int = 4,
    rows: int = 5,
    column: str | None = None,
    using: str = DEFAULT_DB_ALIAS,
) -> int:
    """
    Make up worlds for *model*, and ``assert_permissions_match`` in each; how many answers.

    Call it in a test that may use the database, of pytest or in a ``TestCase``: each world is
    rolled back. The worlds are the same in each run, and *examples* of them; with the
    environment variable ``RLS_PERMS_EXAMPLES`` there are as many, and others each time. Other
    arguments are those of ``worlds`` and ``assert_permissions_match``.
    """
    hypothesis = _hypothesis()
    if owner_of(using) != using:
        raise ConfigurationError(
            f"{using!r} is no test database, and what is made up does not belong elsewhere. Call "
            "check_permissions_match() in a test."
        )
    answers = 0
    wanted = os.environ.get(ENVIRONMENT)

    @hypothesis.settings(  # type: ignore[untyped-decorator] # imported when it is needed
        max_examples=examples or int(wanted or EXAMPLES),
        derandomize=wanted is None,
        database=None,
        deadline=None,
        # To find a smaller world takes minutes; what differs is told key by key in any case.
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(  # type: ignore[untyped-decorator]
        worlds(model, fields=fields, users=users, rows=rows)
    )
    def matches(world: World) -> None:
        nonlocal answers
        with transaction.atomic(using=using):
            made = world.make(using)
            if any(isinstance(one, model) for one in made):
                answers += assert_permissions_match(
                    model, settings=world.settings, column=column, using=using
                )
            transaction.set_rollback(True, using=using)

    matches()
    if not answers:
        raise AssertionError(
            f"{model._meta.label}: no row could be made, so nothing was compared. Give strategies "
            f"for its fields, as fields={{'{model._meta.label}.name': ...}}."
        )
    return answers


def _hypothesis() -> Any:
    try:
        import hypothesis
        import hypothesis.extra.django
    except ImportError as error:
        raise ConfigurationError(
            "Worlds are made up by Hypothesis, which is not installed. Install it with "
            "pip install 'rls-perms[testing]'."
        ) from error
    return hypothesis
