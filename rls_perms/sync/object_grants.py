"""What guardian's grants need in a database: views for policies, triggers that follow rows."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from psycopg import sql

from rls_perms import catalog
from rls_perms.identifiers import digest
from rls_perms.keywords import SHOWING, Command, RoleKind
from rls_perms.policies.compile import key_kind, table_of
from rls_perms.policies.compiled import Compiled, compiled
from rls_perms.policies.constraint import RowSecurity, declaration, role_names
from rls_perms.policies.declared import ObjectPermissions
from rls_perms.policies.grant_tables import (
    content_type_key,
    grant_sources,
    heirs,
    refuse_columns_without_values,
    shares_key,
)
from rls_perms.state import Definition
from rls_perms.statements import grant_triggers, grant_views
from rls_perms.statements.grant_triggers import Following
from rls_perms.statements.grant_views import Branch, GrantTable
from rls_perms.statements.orphans import Wrong, wrong_grants
from rls_perms.statements.render import text as as_text
from rls_perms.statements.row_security import Relation, Table

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


class ObjectGrants:
    """The views and triggers of declarations, for the permissions of one database."""

    def __init__(
        self,
        connection: "BaseDatabaseWrapper",
        owner: str,
        find: Callable[[Table], Relation | None],
    ) -> None:
        self.connection = connection
        self.owner = owner
        self.find = find
        self._known: dict[type[Model], dict[Branch, GrantTable]] = {}

    def definitions(
        self, model: type[Model], declared: RowSecurity, made: Compiled
    ) -> Iterator[Definition]:
        """What the declaration of *model* needs; nothing that guardian's tables lack yet."""
        if made.key_kind is not None:
            yield from self._views(model, made, made.key_kind)
            yield from self._following_grants(model)
        wanted = self._following(model, declared)
        name = f"triggers {grant_triggers.function_name(table_of(model))}"
        if not wanted:
            if name in self.present:
                # Guardian's tables are gone, and deleting a row would fail.
                yield Definition(name, "none", as_text(grant_triggers.forget(table_of(model))))
        else:
            text = as_text(grant_triggers.follow(wanted))
            made_of = digest(text, 16)
            seal = as_text(grant_triggers.seal(wanted.function, made_of))
            yield Definition(name, made_of, f"{text}\n{seal}")

    # Views

    def _views(self, model: type[Model], made: Compiled, key_kind: str) -> Iterator[Definition]:
        for view, (command, branch) in sorted(made.views.items()):
            parts = list(self._keys(model, key_kind, command, branch))
            if not parts:
                continue
            view_sql = as_text(grant_views.view(view, parts))
            fingerprint = digest(view_sql, 16)
            comment = as_text(grant_views.comment(view, fingerprint))
            yield Definition(f"view {view}", fingerprint, f"{view_sql}\n{comment}")

    def _keys(
        self, model: type[Model], key_kind: str, command: Command, branch: Branch
    ) -> Iterator[sql.Composed]:
        """
        The keys that are granted for *command*, on *model* and on its multi-table children.

        A row of a child lies in the parent's table, too: what is allowed on the child is
        allowed on that part of it, or Django could not read, save or delete the child.
        """
        yield from self._granted(model, key_kind, command, branch)
        granting, parts = [model], []
        for child in heirs(model):
            declared = declaration(child)
            if declared is None or self.find(table_of(child)) is None:
                continue
            theirs = compiled(child, declared, self.connection, self.owner)
            row = (table_of(child), str(child._meta.pk.column))
            if theirs.key_kind is not None:
                yield from self._granted(child, key_kind, command, branch, row)
                granting.append(child)
            if branch == "user" and command in theirs.permitted:
                yield grant_views.child_rows(*row, key_kind, theirs.permitted[command])
            parts.append(grant_triggers.function_name(table_of(child)))
        if command is Command.UPDATE:
            return
        if parts and branch == "user":
            yield grant_views.gone_parts(parts, key_kind)
        for one in granting:
            source = self._sources(one).get(branch)
            if source is not None and source.content_type is None:
                function = grant_triggers.function_name(source.table)
                yield grant_views.gone_grants(function, source, key_kind)

    def _granted(
        self,
        model: type[Model],
        key_kind: str,
        command: Command,
        branch: Branch,
        child: tuple[Table, str] | None = None,
    ) -> Iterator[sql.Composed]:
        source = self._sources(model).get(branch)
        content_type = self.content_types.get(content_type_key(model))
        if source is None or content_type is None:
            return
        commands = SHOWING if command is Command.SELECT else (command,)
        ids = self._permission_ids(model, content_type, [one.action for one in commands])
        if ids:
            yield grant_views.grants(source, key_kind, content_type, ids, child)

    def _sources(self, model: type[Model]) -> dict[Branch, GrantTable]:
        """Guardian's tables that are there already, each with its schema."""
        if model in self._known:
            return self._known[model]
        found: dict[Branch, GrantTable] = {}
        for branch, source in grant_sources(model, self.connection).items():
            relation = self.find(source.table)
            members = None if source.members is None else self.find(Table(source.members[0]))
            if relation is not None and (source.members is None or members is not None):
                found[branch] = replace(source, table=relation.table)
        self._known[model] = found
        return found

    def _permission_ids(
        self, model: type[Model], content_type: Any, actions: list[str]
    ) -> list[Any]:
        known = self.permissions[content_type]
        names = [f"{action}_{model._meta.model_name}" for action in actions]
        return [known[name] for name in names if name in known]

    # Grants that count for nothing

    def wrong(self, model: type[Model]) -> Iterator[Wrong]:
        """What may be wrong among the grants on *model*; nothing is asked yet."""
        relation = self.find(table_of(model))
        content_type = self.content_types.get(content_type_key(model))
        if relation is None or content_type is None:
            return
        key, kind = str(model._meta.pk.column), key_kind(model, self.connection)
        for source in self._sources(model).values():
            yield from wrong_grants(source, content_type, relation.table, key, kind)

    # Triggers

    def _following_grants(self, model: type[Model]) -> Iterator[Definition]:
        content_type = self.content_types.get(content_type_key(model))
        ids = self._permission_ids(model, content_type, [Command.DELETE.action])
        for source in self._sources(model).values():
            if source.content_type is None and ids:
                function = grant_triggers.function_name(source.table)
                text = as_text(grant_triggers.follow_grants(function, source, ids))
                made_of = digest(text, 16)
                seal = as_text(grant_triggers.seal(function, made_of))
                yield Definition(f"triggers {function}", made_of, f"{text}\n{seal}")

    def _following(self, model: type[Model], declared: RowSecurity) -> Following | None:
        declarations = [one for one in declared.policies if isinstance(one, ObjectPermissions)]
        content_type = self.content_types.get(content_type_key(model))
        relation = self.find(table_of(model))
        if content_type is None or relation is None:
            return None
        sources = self._sources(model) if declarations else {}
        creator: list[Any] = []
        if "user" in sources:
            actions = {action for one in declarations for action in one.creator}
            creator = self._permission_ids(model, content_type, sorted(actions))
            if actions:
                refuse_columns_without_values(model)
        names = role_names(catalog.in_force(self.connection))
        return Following(
            function=grant_triggers.function_name(table_of(model)),
            table=relation.table,
            key=str(model._meta.pk.column),
            content_type_id=content_type,
            creator=tuple(sorted(creator)),
            user_grants=sources.get("user"),
            removed=tuple(sources.values())
            if any(one.remove_grants for one in declarations)
            else (),
            is_part=any(
                isinstance(policy, ObjectPermissions)
                for parent in model._meta.get_parent_list()
                if shares_key(model, parent) and (theirs := declaration(parent)) is not None
                for policy in theirs.policies
            ),
            unbound=(self.owner, names.fixed(RoleKind.SYSTEM)),
            # Guardian's anonymous user is everybody who is not signed in.
            visitors=names.fixed(RoleKind.ANONYMOUS),
        )

    # What the database holds

    @cached_property
    def present(self) -> set[str]:
        """The triggers that are there, by the names of their definitions."""
        return {one.name for one in catalog.following(self.connection)}

    @cached_property
    def content_types(self) -> dict[tuple[str, str], Any]:
        """The key of each content type, by label of the app and name of the model."""
        rows = ContentType.objects.using(self.connection.alias)
        return {(app, name): pk for app, name, pk in rows.values_list("app_label", "model", "pk")}

    @cached_property
    def permissions(self) -> defaultdict[Any, dict[str, Any]]:
        """The keys of permissions by content type and codename."""
        found: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        rows = Permission.objects.using(self.connection.alias)
        for content_type, codename, pk in rows.values_list("content_type_id", "codename", "pk"):
            found[content_type][codename] = pk
        return found
