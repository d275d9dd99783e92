"""Questions about grants that count for nothing, with the statements that remove them."""

from dataclasses import dataclass

from psycopg import sql

from rls_perms.statements.grant_views import GrantTable, granted_key
from rls_perms.statements.row_security import Table


@dataclass(frozen=True, slots=True)
class Wrong:
    """Which rows of a table of grants are meant, and why they count for nothing."""

    reason: str
    grants: GrantTable
    condition: sql.Composed

    def count(self) -> sql.Composed:
        """How many there are, and some of their keys."""
        return sql.SQL(
            "SELECT count(*), (array_agg(DISTINCT granted.{object}::text))[1:5]"
            " FROM {grants} AS granted WHERE {condition}"
        ).format(
            object=sql.Identifier(self.grants.object),
            grants=self.grants.table.identifier(),
            condition=self.condition,
        )

    def mend(self) -> sql.Composed:
        return sql.SQL("DELETE FROM {} AS granted\n WHERE {};").format(
            self.grants.table.identifier(), self.condition
        )


def wrong_grants(
    grants: GrantTable, content_type_id: object, table: Table, key: str, key_kind: str
) -> list[Wrong]:
    """What can be wrong with the grants on the rows of *table*, each grant once."""
    if grants.content_type is None:
        foreign = _other_permission(grants, sql.Literal(content_type_id))
        return [Wrong("of a permission for another model", grants, foreign)]
    column = sql.Identifier(grants.content_type)
    of_model = sql.SQL("granted.{} = {}").format(column, sql.Literal(content_type_id))
    foreign = _other_permission(grants, sql.SQL("granted.{}").format(column))
    no_key = sql.SQL("({}) IS NULL").format(granted_key(grants, key_kind))
    no_row = sql.SQL(
        "NOT EXISTS (SELECT FROM {} AS present WHERE present.{}::text = granted.{})"
    ).format(table.identifier(), sql.Identifier(key), sql.Identifier(grants.object))
    found = [
        Wrong("of a permission for another model", grants, _all(of_model, foreign)),
        Wrong(
            "whose key is no row's",
            grants,
            _all(of_model, _not(foreign), _not(no_key), no_row),
        ),
    ]
    if key_kind != "text":
        # Of a text, every text is a key.
        junk = Wrong(
            "whose key is none, as str(obj.pk) writes it",
            grants,
            _all(of_model, _not(foreign), no_key),
        )
        found.insert(1, junk)
    return found


def _other_permission(grants: GrantTable, content_type: sql.Composable) -> sql.Composed:
    return sql.SQL(
        "EXISTS (SELECT FROM auth_permission AS permission WHERE permission.id = granted.{}"
        " AND permission.content_type_id <> {})"
    ).format(sql.Identifier(grants.permission), content_type)


def _all(*conditions: sql.Composable) -> sql.Composed:
    return sql.SQL("\n   AND ").join(conditions)


def _not(condition: sql.Composable) -> sql.Composed:
    return sql.SQL("NOT {}").format(condition)
