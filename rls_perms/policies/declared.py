"""What a declaration is written with: values that compare, hash and stand in migrations."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Q

from rls_perms.expressions import CurrentUser
from rls_perms.keywords import SHOWING, Command
from rls_perms.targets import ANONYMOUS, EVERYONE, SYSTEM, Group, Permission, Role, Target

#: Names of the library's own policies.
RESERVED_NAMES = frozenset(
    {"floor", "superuser", "system", "permission", "object grants", "new row"}
)

#: What a creator may be granted on a row.
CREATOR_ACTIONS = tuple(command.action for command in SHOWING)


class _Value:
    """Equal, and hashed, by what deconstruct() says."""

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.deconstruct() == other.deconstruct()

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        path, args, kwargs = self.deconstruct()
        shown = [repr(arg) for arg in args]
        shown += [f"{name}={value!r}" for name, value in kwargs.items()]
        return f"{path.rpartition('.')[2]}({', '.join(shown)})"


class Policy(_Value):
    """
    Which rows some of the users may see or touch.

    *name* is unique in its declaration. *command* is one of SELECT, INSERT, UPDATE,
    DELETE or a list of them; all four by default. *to* is a target or a list of them;
    EVERYONE by default, and for a restrictive policy all whom the declaration names.
    *using* chooses among the rows that are there, *check* what a row may become; *check*
    is *using* by default. With *permission_required* (the default) the asker also needs
    Django's model-level permission for the command.

    Follows https://www.postgresql.org/docs/current/sql-createpolicy.html.
    """

    def __init__(
        self,
        name: str,
        *,
        using: Q,
        check: Q | None = None,
        command: Command | Sequence[Command] = tuple(Command),
        to: Target | Sequence[Target] | None = None,
        permissive: bool = True,
        permission_required: bool = True,
    ) -> None:
        if not isinstance(name, str) or not name or name in RESERVED_NAMES:
            raise ValueError(
                f"Policy({name!r}) needs a name of its own: not empty, and none of "
                f"{', '.join(sorted(RESERVED_NAMES))}, which are the library's."
            )
        for argument, value in (("using", using), ("check", check)):
            if not isinstance(value, Q) and not (argument == "check" and value is None):
                raise TypeError(
                    f"Policy({name!r}, {argument}={value!r}) takes a Q object, as filter() does. "
                    "Write Q() for all rows."
                )
        if not permissive and not permission_required:
            raise ValueError(
                f"Policy({name!r}) is restrictive: it takes rows away, so permission_required="
                "False says nothing. Leave it out."
            )
        self.name = name
        self.using = using
        self.check = check
        self.commands = _commands(name, command)
        self.to = _targets(name, to)
        self.permissive = permissive
        self.permission_required = permission_required

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        kwargs: dict[str, Any] = {"using": self.using}
        if self.check is not None:
            kwargs["check"] = self.check
        if self.commands != tuple(Command):
            kwargs["command"] = list(self.commands)
        if self.to is not None:
            kwargs["to"] = list(self.to)
        if not self.permissive:
            kwargs["permissive"] = False
        if not self.permission_required:
            kwargs["permission_required"] = False
        return "rls_perms.Policy", (self.name,), kwargs


class OwnerPolicy(Policy):
    """The rows whose foreign key *field* is the user who asks: ``Policy`` in short."""

    def __init__(self, field: str = "owner", *, name: str = "own", **options: Any) -> None:
        self.field = field
        self.options = options
        super().__init__(name, using=Q(**{field: CurrentUser()}), **options)

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        _, (name,), kwargs = super().deconstruct()
        kwargs.pop("using")
        return "rls_perms.OwnerPolicy", (self.field,), {"name": name, **kwargs}


class ObjectPermissions(_Value):
    """
    Rows that guardian grants to the user who asks, or to a group of theirs.

    With *global_permissions*, as ``has_perm(p) or has_perm(p, obj)``: whoever holds the
    model-level permission has all rows. Without, as ``has_perm(p, obj)`` alone. INSERT
    is the model-level permission's in both, since a row to be made has no grants.

    *creator* lists what whoever makes a row is granted on it, by the same statement:
    "view", "change", "delete". With *remove_grants* the generic grants on a row go with it,
    so that a key that is used again gives nobody access.
    """

    def __init__(
        self,
        *,
        global_permissions: bool = True,
        creator: Sequence[str] = (),
        remove_grants: bool = True,
    ) -> None:
        if isinstance(creator, str) or not set(creator) <= set(CREATOR_ACTIONS):
            raise ValueError(
                f"ObjectPermissions(creator={creator!r}) takes a list of 'view', 'change' and "
                "'delete': what the creator of a row is granted on it. To add a row, the "
                "model-level permission is needed."
            )
        self.global_permissions = global_permissions
        self.creator = tuple(action for action in CREATOR_ACTIONS if action in creator)
        self.remove_grants = remove_grants

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        kwargs: dict[str, Any] = {}
        if not self.global_permissions:
            kwargs["global_permissions"] = False
        if self.creator:
            kwargs["creator"] = list(self.creator)
        if not self.remove_grants:
            kwargs["remove_grants"] = False
        return "rls_perms.ObjectPermissions", (), kwargs


def _commands(name: str, command: Any) -> tuple[Command, ...]:
    given = [command] if isinstance(command, str) else list(command)
    try:
        wanted = {Command(one) for one in given}
    except ValueError as error:
        raise ValueError(
            f"Policy({name!r}, command={command!r}): {error}. "
            "Write SELECT, INSERT, UPDATE or DELETE, or a list of them."
        ) from error
    if not wanted:
        raise ValueError(f"Policy({name!r}, command=[]) is for no command. Leave command out.")
    return tuple(one for one in Command if one in wanted)


def _targets(name: str, to: Any) -> tuple[Target, ...] | None:
    if to is None:
        return None
    given: Iterable[Any] = to if isinstance(to, (list, tuple)) else [to]
    targets = tuple(given)
    known = (Group, Permission, Role, type(EVERYONE))
    for target in targets:
        if not isinstance(target, known):
            raise TypeError(
                f"Policy({name!r}, to={target!r}): write Group('name'), "
                "Permission('app.codename'), Role('name'), EVERYONE, ANONYMOUS or SYSTEM."
            )
    if not targets:
        raise ValueError(
            f"Policy({name!r}, to=[]) is for nobody. Leave to out for {EVERYONE}, or name "
            f"{ANONYMOUS}, {SYSTEM} or a Group."
        )
    return targets
