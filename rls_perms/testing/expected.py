"""What Django allows: has_perm with its backends, and each model's declared policies."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.models import Model, Q
from guardian.conf import settings as guardian_settings
from guardian.core import ObjectPermissionChecker
from guardian.utils import get_anonymous_user

from rls_perms.exceptions import ConfigurationError
from rls_perms.expressions import CurrentTenant
from rls_perms.keywords import SHOWING, Command
from rls_perms.policies.constraint import RowSecurity, declaration
from rls_perms.policies.declared import ColumnPermissions, ObjectPermissions, Policy
from rls_perms.policies.grant_tables import heirs
from rls_perms.session import tenant_key
from rls_perms.statements import trials as text
from rls_perms.targets import ANONYMOUS, EVERYONE, Group, Permission, Role
from rls_perms.testing.askers import Asker
from rls_perms.testing.known import Knowing
from rls_perms.testing.rows import Keys, Rows

#: What ``has_perm`` of these says of a row is what guardian's checker says of all at once.
KNOWN_BACKENDS = (
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
    "rls_perms.auth.MembershipBackend",
)
#: Of how many rows ``has_perm`` is asked all the same.
ASKED_AGAIN = 1


class Expected:
    """
    What one asker may do, said again from the rule and without the SQL of the policies.

    "A row is allowed for a command if the floor holds, every restrictive policy holds, and
    one of these: the asker has Django's model-level permission for the command and a
    permissive policy shows the row; or an object permission for the command on that row; or a
    policy with permission_required=False shows it."
    """

    def __init__(self, asker: Asker, rows: Rows, using: str) -> None:
        self.asker = asker
        self.rows = rows
        self.using = using
        self.groups = asker.groups
        self._known: dict[Any, Any] = {}
        #: The key that every row is taken to have; None is its own.
        self._on: Any = None

    # What is asked

    def allowed(self, model: type[Model], command: Command) -> Keys:
        """The rows that *command* finds; for INSERT, those that may be made as they are."""
        if command is Command.INSERT:
            return self.kept(model, command)
        return self._rows("using", model, command)

    def kept(self, model: type[Model], command: Command) -> Keys:
        """The rows that *command* may leave behind as they are."""
        return self._rows("check", model, command)

    def returned(self, model: type[Model]) -> Keys:
        """The rows of which INSERT may return something: to their creator they are visible."""
        made = self.allowed(model, Command.INSERT)
        if self._unbound:
            return made
        found = declared_of(model)
        bounds = self._within(model, found, Command.SELECT, "using")
        if self.asker.superuser:
            return made & bounds
        return made & bounds & self._restricted(model, found, Command.SELECT, "using")

    def moved(self, model: type[Model], key: Any) -> tuple[Keys, Keys] | None:
        """
        The rows as which the row of *key* may be written, by an UPDATE of all but its key.

        First those as which it may be left, then those as which it may be seen, too. None where
        that cannot be said, since a condition asks for the key itself.
        """
        if self._unbound:
            return self.rows.keys(model), self.rows.keys(model)
        before, self._on = self._on, key
        try:
            kept = self._found("check", model, Command.UPDATE)
            return kept, kept & self._found("using", model, Command.SELECT)
        except _AsksForKey:
            return None
        finally:
            self._on = before

    # The rule

    def _rows(self, clause: str, model: type[Model], command: Command) -> Keys:
        known = clause, model, command
        if known not in self._known:
            self._known[known] = self._found(clause, model, command)
        found: Keys = self._known[known]
        return found

    def _found(self, clause: str, model: type[Model], command: Command) -> Keys:
        if self._unbound:
            return self.rows.keys(model)
        found = declared_of(model)
        within = self._within(model, found, command, clause)
        if self.asker.superuser:
            return within
        own = self._permitted(model, found, command, clause) & self._tenants(model, found)
        shared = self._chosen(model, found, command, clause, shared=True)
        return (own | shared) & within & self._restricted(model, found, command, clause)

    @property
    def _unbound(self) -> bool:
        """A superuser outside of any tenant is bound by nothing."""
        return self.asker.superuser and self.asker.tenant is None

    def _tenants(self, model: type[Model], found: RowSecurity) -> Keys:
        if found.tenant is None:
            return self.rows.keys(model)
        return self._holding(Q(**{found.tenant: CurrentTenant()}), model, trusted=False)

    def _within(
        self, model: type[Model], found: RowSecurity, command: Command, clause: str
    ) -> Keys:
        """The tenant's rows, and those that a policy shares with whoever it is for."""
        within = self._tenants(model, found)
        for one in _policies(found):
            if one.shared and _is_for(one, command) and self._may_share(one):
                within |= self._holding(_condition(one, clause, command), model, one.trusted)
        return within

    def _may_share(self, one: Policy) -> bool:
        targets = one.to or (EVERYONE,)
        return EVERYONE in targets or any(map(self._is, targets))

    def _restricted(
        self, model: type[Model], found: RowSecurity, command: Command, clause: str
    ) -> Keys:
        left = self.rows.keys(model)
        for one in _policies(found):
            if not one.permissive and command in one.commands and self._is_meant(one):
                left &= self._holding(_condition(one, clause, command), model, one.trusted)
        return left

    def _permitted(
        self, model: type[Model], found: RowSecurity, command: Command, clause: str
    ) -> Keys:
        shown = SHOWING if command is Command.SELECT else (command,)
        on_objects = _on_objects(found)
        if self._is_enough(found, on_objects, command) and self._has(model, shown):
            return self.rows.keys(model)
        allowed = self._chosen(model, found, command, clause, shared=False)
        if on_objects and command is not Command.INSERT:
            allowed |= self._by_key(model, shown)
        return allowed

    def _is_enough(
        self, found: RowSecurity, on_objects: list[ObjectPermissions], command: Command
    ) -> bool:
        """Whether the model-level permission shows all rows."""
        if on_objects:
            everywhere = any(one.global_permissions for one in on_objects)
            return everywhere or command is Command.INSERT
        return not any(one.permissive for one in _policies(found))

    def _chosen(
        self, model: type[Model], found: RowSecurity, command: Command, clause: str, *, shared: bool
    ) -> Keys:
        """The rows that permissive policies choose, of those who are permitted or need not be."""
        chosen: Keys = frozenset()
        for one in _policies(found):
            if not one.permissive or one.shared is not shared or not _is_for(one, command):
                continue
            shown = {*SHOWING} if command is Command.SELECT else {command}
            asked = shown & {*one.commands}
            if self._is_meant(one) and (not one.permission_required or self._has(model, asked)):
                chosen |= self._holding(_condition(one, clause, command), model, one.trusted)
        return chosen

    def _is_meant(self, one: Policy) -> bool:
        if one.to is None:
            return self.asker.active or not one.permissive
        return any(map(self._is, one.to))

    def _is(self, target: Any) -> bool:
        match target:
            case Group():
                return target.name in self.groups
            case Permission():
                return self._has_perm(target.name)
            case Role():
                return self._belongs_to(target.name)
        if target == EVERYONE:
            return self.asker.active
        # The system is nobody who asks.
        return bool(target == ANONYMOUS and not self.asker.active)

    def _belongs_to(self, role: str) -> bool:
        """Which roles of the project's own have others for members, only PostgreSQL knows."""
        with self.asker.entered(), connections[self.using].cursor() as cursor:
            cursor.execute(text.BELONGS_TO, [role])
            return bool(cursor.fetchone()[0])

    def _holding(self, condition: Q, model: type[Model], trusted: bool) -> Keys:
        knowing = Knowing(
            user=self.user_key,
            tenant=tenant_key(self.asker.tenant),
            settings=self.asker.settings or {},
            updatable=lambda other: self.allowed(other, Command.UPDATE),
            model=model,
        )
        known = knowing.put_in(condition)
        if self._on is not None and self.rows.asks_for_key(known, model):
            raise _AsksForKey
        return self.rows.holding(known, model, self, as_owner=trusted)

    @cached_property
    def user_key(self) -> Any:
        """The user that policies see: guardian's anonymous one for nobody, none if inactive."""
        if self.asker.user.is_authenticated:
            return self.asker.user.pk if self.asker.active else None
        if guardian_settings.ANONYMOUS_USER_NAME is None:
            return None
        user = _anonymous_user()
        return None if user is None or not getattr(user, "is_active", True) else user.pk

    # Django's permissions

    def _has(self, model: type[Model], commands: Iterable[Command]) -> bool:
        return any(self._has_perm(_permission(model, one)) for one in commands)

    def _has_perm(self, name: str) -> bool:
        known = "has_perm", name
        if known not in self._known:
            # Without a row for nobody, guardian's backend has no answer but an error.
            # In the context, since groups may be those of its tenant.
            with self.asker.entered():
                self._known[known] = not self._is_missing and self.asker.user.has_perm(name)
        return bool(self._known[known])

    def _by_key(self, model: type[Model], commands: Iterable[Command]) -> Keys:
        """The rows that are granted, and those that are part of what a child is allowed."""
        found = self._granted(model, commands)
        for child in heirs(model):
            declared = declaration(child)
            found |= self._granted(child, commands)
            if declared is not None and self._has(child, commands):
                on_objects = [
                    one for one in declared.policies if isinstance(one, ObjectPermissions)
                ]
                if self._is_enough(declared, on_objects, Command.SELECT):
                    found |= self.rows.keys(child)
        if self._on is None:
            return found
        return self.rows.keys(model) if self._on in found else frozenset()

    def _granted(self, model: type[Model], commands: Iterable[Command]) -> Keys:
        # Of a user and not of a context: the same in each tenant.
        known = model, self.asker.user.pk
        if known not in self.rows.granted:
            self.rows.granted[known] = self._grants(model)
        return frozenset().union(*(self.rows.granted[known][one] for one in commands))

    def _grants(self, model: type[Model]) -> dict[Command, Keys]:
        """For each command the rows on which ``has_perm`` grants it."""
        rows = self.rows.of(model)
        if not {*settings.AUTHENTICATION_BACKENDS} <= {*KNOWN_BACKENDS}:
            return {
                one: frozenset(row.pk for row in rows if self._has_perm_on(model, one, row))
                for one in SHOWING
            }
        if KNOWN_BACKENDS[1] not in settings.AUTHENTICATION_BACKENDS or not self._is_known:
            return dict.fromkeys(SHOWING, frozenset())
        checker = ObjectPermissionChecker(self.asker.user)
        checker.prefetch_perms(rows)  # type: ignore[arg-type] # it takes lists, too
        found: dict[Command, Keys] = {}
        for one in SHOWING:
            said = {row.pk: checker.has_perm(_codename(model, one), row) for row in rows}
            found[one] = frozenset(key for key, granted in said.items() if granted)
            for answer in (True, False):
                asked = [row for row in rows if said[row.pk] is answer][:ASKED_AGAIN]
                for row in asked:
                    if self._has_perm_on(model, one, row) is not answer:
                        raise AssertionError(
                            f"{self.asker}: has_perm({_permission(model, one)!r}, {row!r}) is not "
                            f"what guardian's checker says, which is {answer}."
                        )
        return found

    @property
    def _is_missing(self) -> bool:
        """Whether guardian asks for an anonymous user that there is not."""
        wanted = guardian_settings.ANONYMOUS_USER_NAME is not None
        return wanted and not self.asker.user.is_authenticated and _anonymous_user() is None

    @property
    def _is_known(self) -> bool:
        return bool(self.asker.user.is_authenticated) or self.user_key is not None

    def _has_perm_on(self, model: type[Model], command: Command, row: Model) -> bool:
        return bool(self.asker.user.has_perm(_permission(model, command), row))


class _AsksForKey(Exception):
    """A condition compares the key, or what belongs to it."""


def declared_of(model: type[Model]) -> RowSecurity:
    found = declaration(model)
    if found is None:
        raise ConfigurationError(
            f"{model._meta.label} declares no row security, so PostgreSQL has nothing to compare. "
            "Write RowSecurity(...) into its Meta.constraints."
        )
    return found


def keeps_columns(model: type[Model]) -> bool:
    """Whether some fields may be written by some only, so that not all can be at once."""
    found = declared_of(model).policies
    return any(isinstance(one, ColumnPermissions) and one.change is not None for one in found)


def _on_objects(found: RowSecurity) -> list[ObjectPermissions]:
    return [one for one in found.policies if isinstance(one, ObjectPermissions)]


def _policies(found: RowSecurity) -> list[Policy]:
    return [one for one in found.policies if isinstance(one, Policy)]


def _is_for(one: Policy, command: Command) -> bool:
    """Rows that may be changed or deleted are shown by that alone."""
    return command in one.commands or (
        command is Command.SELECT and bool({*SHOWING} & {*one.commands})
    )


def _condition(one: Policy, clause: str, command: Command) -> Q:
    return one.using if clause == "using" or one.check is None else one.check


def _permission(model: type[Model], command: Command) -> str:
    return f"{model._meta.app_label}.{_codename(model, command)}"


def _codename(model: type[Model], command: Command) -> str:
    return f"{command.action}_{model._meta.model_name}"


def _anonymous_user() -> Any:
    from django.contrib.auth import get_user_model

    try:
        return get_anonymous_user()
    except get_user_model().DoesNotExist:
        return None
