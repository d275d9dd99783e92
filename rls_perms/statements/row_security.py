"""The statements of a declaration: policies, triggers of new rows, views of grants."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg import sql

from rls_perms.identifiers import digest, kept, shortened
from rls_perms.keywords import Command
from rls_perms.statements.changes import PUBLIC
from rls_perms.statements.render import (
    identifiers,
    joined,
    literals,
    qualified,
    regclass,
    template,
)
from rls_perms.statements.render import text as as_text

BEFORE_TRIGGER = "zz_rls_perms_new_row"
AFTER_TRIGGER = "zz_rls_perms_forget_new_row"

#: One quoted identifier, and what Django takes for a name that is quoted already.
_PART = re.compile(r'"((?:[^"]|"")*)"')
_QUOTED = re.compile(r'".*"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Table:
    """A table by name; *schema* is "" where the search path finds it."""

    name: str
    schema: str = ""

    def identifier(self) -> sql.Identifier:
        return qualified(self.schema, self.name)

    def value(self) -> sql.Composed:
        return regclass(self.schema, self.name)

    @classmethod
    def of(cls, db_table: str) -> "Table":
        """
        The table that Django means by a model's *db_table*.

        It may say a schema, as in ``audit"."entry``, and be quoted already; a name of more
        than 63 bytes is cut, as PostgreSQL does wherever Django writes it.
        """
        quoted = db_table if _QUOTED.fullmatch(db_table) else f'"{db_table}"'
        parts = [part.replace('""', '"') for part in _PART.findall(quoted)]
        if not parts:
            return cls(kept(db_table))
        return cls(kept(parts[-1]), kept(parts[-2]) if len(parts) > 1 else "")


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view that exists."""

    table: Table
    columns: tuple[str, ...]
    #: Whether its name alone finds it.
    visible: bool
    #: Whether its privileges are the owner's to grant.
    mine: bool = True
    is_view: bool = False


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """One policy as PostgreSQL takes it. Conditions are SQL text that Django compiled."""

    name: str
    command: Command
    permissive: bool
    roles: tuple[str, ...]
    using: str | None = None
    check: str | None = None


def create_policy(spec: PolicySpec, table: Table, comment: str) -> sql.Composed:
    """CREATE POLICY, and the comment that says it is ours."""
    clauses = [
        sql.SQL("\n    {} ({})").format(sql.SQL(word), sql.SQL(condition))
        for word, condition in (("USING", spec.using), ("WITH CHECK", spec.check))
        if condition is not None
    ]
    return (
        template(
            "create_policy",
            name=sql.Identifier(spec.name),
            table=table.identifier(),
            kind=sql.SQL("PERMISSIVE" if spec.permissive else "RESTRICTIVE"),
            command=sql.SQL(spec.command),
            roles=sql.SQL("PUBLIC") if spec.roles == (PUBLIC,) else identifiers(spec.roles),
            clauses=sql.Composed(clauses),
        )
        + sql.SQL("\n")
        + template(
            "comment_on_policy",
            name=sql.Identifier(spec.name),
            table=table.identifier(),
            comment=sql.Literal(comment),
        )
    )


def clear_table(table: Table, keep: Iterable[str]) -> sql.Composed:
    """Drop policies, triggers, and functions and views made for *table* but those in *keep*."""
    names = sql.SQL("ARRAY[{}]::text[]").format(literals(keep))
    return template("call_clear_table", table=table.value(), keep=names)


def close_table(table: Table, logins: Iterable[str]) -> sql.Composed:
    """Take every privilege on *table* back, until a sync grants anew."""
    names = sql.SQL("ARRAY[{}]::text[]").format(literals(logins))
    return template("call_close_table", table=table.value(), logins=names)


def ensure_role(name: str, mark: str) -> sql.Composed:
    return template("call_ensure_role", name=sql.Literal(name), mark=sql.Literal(mark))


def seal(table: Table, made_of: str) -> sql.Composed:
    """Keep with *table* what its policies are by now, and a digest of their SQL."""
    return template("call_seal", table=table.value(), digest=sql.Literal(made_of))


def enable_row_security(table: Table) -> sql.Composed:
    return template("enable_row_security", table=table.identifier())


def stop_forcing(table: Table) -> sql.Composed:
    """Let the owner see the rows of *table*, which has no policy any more."""
    return template("stop_forcing", table=table.identifier())


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """A column of the primary key, and the setting that holds it of a row being inserted."""

    name: str
    type: str
    setting: str


def cover_partitions(table: Table) -> sql.Composed:
    """Let nobody go round the policies of *table* by a partition of it."""
    return template("call_cover_partitions", table=table.value())


def new_row_setting(prefix: str, table: Table) -> str:
    """The setting that holds the key of the row being inserted into *table*."""
    return f"{prefix}.new_{digest(as_text(table.identifier()), 16)}"


def new_row_function(table: Table) -> str:
    """The name of the trigger function of *table*, in the schema of the library."""
    distinct = f"{table.schema}.{table.name}" if table.schema else None
    return shortened(f"new_row_{table.name}", distinct=distinct)


@dataclass(frozen=True, slots=True)
class Seal:
    """What seals the row that is being inserted, where contexts are signed."""

    #: The setting that holds the seal.
    setting: str
    #: Columns that have no value yet when it is made.
    generated: tuple[str, ...]

    def columns(self) -> sql.Composed:
        return sql.SQL("ARRAY[{}]::pg_catalog.text[]").format(literals(self.generated))


def remember_new_rows(
    table: Table, key: Sequence[KeyColumn], unbound: Iterable[str], seal: Seal | None
) -> sql.Composed:
    """The function and triggers that let a creator see a row in the statement that makes it."""
    function = sql.Identifier(new_row_function(table))
    columns = joined((_remembered(column) for column in key), "\n    ")
    settings = [column.setting for column in key]
    if seal is None:
        made = template("new_row_function", function=function, columns=columns)
    else:
        settings.append(seal.setting)
        made = template(
            "signed_new_row_function",
            function=function,
            columns=columns,
            seal=sql.Literal(seal.setting),
            generated=seal.columns(),
        )
    return (
        made
        + sql.SQL("\n")
        + template(
            "new_row_triggers",
            before=sql.Identifier(BEFORE_TRIGGER),
            after=sql.Identifier(AFTER_TRIGGER),
            table=table.identifier(),
            unbound=literals(unbound),
            function=function,
            remembered=sql.Literal(settings[0]),
            settings=literals(settings),
        )
    )


def _remembered(column: KeyColumn) -> sql.Composed:
    return template(
        "new_row_column",
        setting=sql.Literal(column.setting),
        column=sql.Identifier(column.name),
    )


# Conditions. Django compiles those that a declaration writes; these are the library's own.


def is_new_row(key: Iterable[KeyColumn], table: Table, seal: Seal | None) -> str:
    # Not in a sub-select: it is read for each row of the INSERT. Without CASE or OR around
    # the column, so that a SELECT can use the index for it beside the other policies.
    sealed = []
    if seal is not None:
        # After the key, which is compared in no time and is no other row's.
        sealed.append(
            sql.SQL("rls_perms.is_new_row({}, pg_catalog.to_jsonb({}.*) - {})")
            .format(sql.Literal(seal.setting), sql.Identifier(table.name), seal.columns())
            .as_string(None)
        )
    return conjunction(
        *(
            sql.SQL("{} = nullif(pg_catalog.current_setting({}, true), '')::{}")
            .format(sql.Identifier(one.name), sql.Literal(one.setting), sql.SQL(one.type))
            .as_string(None)
            for one in key
        ),
        *sealed,
    )


def is_inserting(key: Sequence[KeyColumn], seal: Seal | None) -> str:
    """
    Whether there is a new row at all; asked once a statement, for the first row of an INSERT.

    A SELECT that looks at all rows then asks nothing more of each. For a tenant's login there is
    none, since it may set anything; where contexts are signed, the seal of the row tells.
    """
    asked = sql.SQL("(SELECT rls_perms.setting({}) IS NOT NULL)")
    name = key[0].setting.partition(".")[2]
    if seal is not None:
        asked = sql.SQL("(SELECT nullif(pg_catalog.current_setting({}, true), '') IS NOT NULL)")
        name = key[0].setting
    return asked.format(sql.Literal(name)).as_string(None)


def proven(owner: str) -> str:
    """Whether the context was proved for the role that asks; *owner* needs none."""
    return (
        sql.SQL(
            "rls_perms.planned_role() = {} OR "
            "(SELECT rls_perms.proven_for(rls_perms.planned_role()))"
        )
        .format(sql.Literal(owner))
        .as_string(None)
    )


# Where contexts are signed, the asking role is that of the plan, whatever it became since.


def holds_privilege(table: Table, privileges: Iterable[Command], *, signed: bool) -> str:
    """Whether the asking role holds one of *privileges* on all of *table*."""
    return (
        sql.SQL("(SELECT pg_catalog.has_table_privilege({}{}, {}))")
        .format(
            sql.SQL("rls_perms.planned_role(), " if signed else ""),
            table.value(),
            sql.Literal(", ".join(privileges)),
        )
        .as_string(None)
    )


def belongs_to(role: str, *, signed: bool) -> str:
    """Whether the asking role has what *role* has."""
    return (
        sql.SQL("(SELECT pg_catalog.pg_has_role({}, {}, 'USAGE'))")
        .format(
            sql.SQL("rls_perms.planned_role()" if signed else "current_user"), sql.Literal(role)
        )
        .as_string(None)
    )


def conjunction(*conditions: str) -> str:
    """All of *conditions*; those that are always true are left out."""
    parts = [condition for condition in dict.fromkeys(conditions) if condition != "true"]
    if len(parts) > 1:
        parts = [f"({part})" for part in parts]
    return " AND ".join(parts) or "true"


def disjunction(*conditions: str) -> str:
    """One of *conditions*, of which there is at least one."""
    parts = list(dict.fromkeys(conditions))
    if "true" in parts:
        return "true"
    return " OR ".join(f"({part})" for part in parts) if len(parts) > 1 else parts[0]
