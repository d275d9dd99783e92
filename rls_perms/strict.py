"""Which statements name a protected table, so that strict mode refuses them without a context."""

import re
from functools import cache, lru_cache
from typing import Any

from django.apps import apps
from django.core.signals import setting_changed
from django.db.models import Model
from psycopg import sql

from rls_perms import audit
from rls_perms.conf import get_settings
from rls_perms.exceptions import NoContext
from rls_perms.identifiers import kept
from rls_perms.policies.compile import table_of
from rls_perms.policies.constraint import declaration

#: What may be a name: PostgreSQL folds one without quotes to lower case, and cuts all.
WORD = re.compile(r"[^\W\d][\w$]*")
#: The same, without the columns that the ORM writes after their table.
ORM_WORD = re.compile(r'(?<!"\.")\b[^\W\d][\w$]*')
#: A table of such a name needs no quotes, unless it is one of PostgreSQL's reserved words:
#: https://www.postgresql.org/docs/current/sql-keywords-appendix.html.
PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
RESERVED = frozenset(
    """
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check
    collate collation column concurrently constraint create cross current_catalog current_date
    current_role current_schema current_time current_timestamp current_user default deferrable desc
    distinct do else end except false fetch for foreign freeze from full grant group having ilike in
    initially inner intersect into is isnull join lateral leading left like limit localtime
    localtimestamp natural not notnull null offset on only or order outer overlaps placing primary
    references returning right select session_user similar some symmetric system_user table
    tablesample then to trailing true union unique user using variadic verbose when where window
    with
    """.split()  # noqa: SIM905 - a page of quotes says no more
)
#: A name in escapes, which may be any table's.
ESCAPED = re.compile(r'\bu&"', re.IGNORECASE)
#: Statements come again and again; so many are remembered.
REMEMBERED = 2000


@cache
def strict_models() -> dict[str, type[Model]]:
    """The tables that need a context under STRICT_MODE: ``db_table`` -> model."""
    excluded = {apps.get_model(label) for label in get_settings().strict_mode_exclude}
    return {
        model._meta.db_table: model
        for model in apps.get_models(include_auto_created=True)
        if not model._meta.proxy and model not in excluded and declaration(model) is not None
    }


@cache
def _names() -> tuple[dict[str, type[Model]], dict[str, type[Model]]]:
    """The models by their table's name, without a schema: plain ones, those that need quotes."""
    plain, quoted = {}, {}
    for model in strict_models().values():
        name = table_of(model).name
        if PLAIN.fullmatch(name) and name not in RESERVED:
            plain[name] = model
        else:
            quoted[sql.Identifier(name).as_string(None)] = model
    return plain, quoted


@lru_cache(REMEMBERED)
def named_in(text: str, of_orm: bool) -> type[Model] | None:
    """
    The model of a protected table that *text*, a statement, names or may name.

    It looks at words, not at grammar: a word in a comment or a literal counts, too, and a name
    that a function or a DO block puts together does not. PostgreSQL has the last word then.
    *of_orm* is for statements of the ORM, whose columns stand behind their table's name.
    """
    plain, quoted = _names()
    if not of_orm and ESCAPED.search(text):
        return next(iter(strict_models().values()), None)
    for word in (ORM_WORD if of_orm else WORD).findall(text):
        found = plain.get(kept(word.lower()))
        if found is not None:
            return found
    before = r"(?<!\.)" if of_orm else ""
    for name, model in quoted.items():
        if re.search(before + re.escape(name), text):
            return model
    return None


def text_of(query: Any) -> str:
    """A statement in whatever form the driver takes it, as text without its parameters."""
    if isinstance(query, sql.Composable):
        return query.as_string(None)
    return query.decode(errors="replace") if isinstance(query, bytes) else str(query)


def without_context(model: type[Model], database: str, action: str | None) -> NoContext:
    """The error for a statement on *model* that says nowhere as whom it runs; it is audited."""
    audit.denied(audit.Cause.CONTEXT, None, database=database, model=model, action=action)
    label = model._meta.label
    return NoContext(
        f"A statement on {label} has no context, and RLS_PERMS['STRICT_MODE'] is on: it was not "
        "sent. Enter as_user(user) or as_system(reason='...') around it; in a request, "
        "rls_perms.middleware.SetRoleMiddleware does. If PostgreSQL is to refuse it instead, name "
        f"{label!r} in RLS_PERMS['STRICT_MODE_EXCLUDE']."
    )


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting in ("RLS_PERMS", "INSTALLED_APPS"):
        for one in (strict_models, _names, named_in):
            one.cache_clear()


setting_changed.connect(_forget, dispatch_uid="rls_perms.strict")
