"""What a sync did or would do, as data for other programs."""

import re
from typing import Any

from rls_perms.plan import Change, Plan
from rls_perms.statements.changes import statement
from rls_perms.statements.render import text as as_text
from rls_perms.sync.apply import Outcome


def as_data(outcome: Outcome, server_version: int, *, applied: bool) -> dict[str, Any]:
    """
    Values that JSON can say: ``applied``, ``changes``, ``left`` and ``warnings``.

    Each change has an ``action`` (as ``create_role``), the ``sentence`` that ``--plan`` shows
    and its ``sql``. *server_version* is as in 150004.
    """

    def listed(changes: Plan) -> list[dict[str, str]]:
        return [_data(change, server_version) for change in changes]

    return {
        "applied": applied,
        "changes": listed(outcome.plan),
        "left": listed(outcome.left),
        "warnings": list(outcome.warnings),
    }


def _data(change: Change, server_version: int) -> dict[str, str]:
    words = re.findall("[A-Z][a-z]+", type(change).__name__)
    return {
        "action": "_".join(words).lower(),
        "sentence": str(change),
        "sql": as_text(statement(change, server_version)),
    }
