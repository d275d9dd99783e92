"""What a declaration is written with: values that compare, hash and stand in migrations."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Q

from rls_perms.canonical import canonical
from rls_perms.expressions import CurrentUser
from rls_perms.keywords import SHOWING, Command
from rls_perms.targets import ANONYMOUS, EVERYONE, SYSTEM, Group, Permission, Role, Target

#: Names of the library's own policies.
RESERVED_NAMES = frozenset(
    {"floor", "superuser", "system", "permission", "object grants", "new row", "signed"}
)

#: What a creator may be granted on a row.
CREATOR_ACTIONS = tuple(command.action for command in SHOWING)


_TARGETS = (Group, Permission, Role, type(EVERYONE))


class _Value:
    """Equal, and hashed, by what deconstruct() says, however that was written down."""

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return canonical(self) == canonical(other)

    def __hash__(self) -> int:
        return hash(canonical(self))

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

    What the conditions read of other tables they read as the role that asks. With
    *trusted*, they read it as the owner of the tables, so that policies there do not count.
    With *shared*, the policy also shows rows of other tenants, which the floor hides
    otherwise; then *command* has to be said.

    Follows https://www.postgresql.org/docs/current/sql-createpolicy.html.
    """

    def __init__(
        self,
        name: str,
        *,
        using: Q,
        check: Q | None = None,
        command: Command | Sequence[Command] | None = None,
        to: Target | Sequence[Target] | None = None,
        permissive: bool = True,
        permission_required: bool = True,
        trusted: bool = False,
        shared: bool = False,
    ) -> None:
        if not isinstance(name, str) or not name or "\0" in name or name in RESERVED_NAMES:
            raise ValueError(
                f"Policy({name!r}) needs a name of its own: not empty, without NUL, and none of "
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
        if shared and not permissive:
            raise ValueError(
                f"Policy({name!r}) is restrictive: it takes rows away, so shared=True says "
                "nothing. Leave it out."
            )
        if shared and command is None:
            raise ValueError(
                f"Policy({name!r}, shared=True) is for every command: other tenants could change "
                "and delete the rows. Say which are shared, as in command=SELECT."
            )
        self.name = name
        self.using = using
        self.check = check
        self.commands = _commands(name, tuple(Command) if command is None else command)
        self.to = _targets(name, to)
        self.permissive = permissive
        self.permission_required = permission_required
        self.trusted = trusted
        self.shared = shared

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        kwargs: dict[str, Any] = {"using": self.using}
        if self.check is not None:
            kwargs["check"] = self.check
        if self.shared or self.commands != tuple(Command):
            kwargs["command"] = list(self.commands)
        if self.to is not None:
            kwargs["to"] = list(self.to)
        if not self.permissive:
            kwargs["permissive"] = False
        if not self.permission_required:
            kwargs["permission_required"] = False
        if self.trusted:
            kwargs["trusted"] = True
        if self.shared:
            kwargs["shared"] = True
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

    *many_grants* is for a model on which some users hold thousands of grants: the form in which
    a row is compared with them is then chosen for each statement. It shows the same rows, and
    makes planning longer for everybody.
    """

    def __init__(
        self,
        *,
        global_permissions: bool = True,
        creator: Sequence[str] = (),
        remove_grants: bool = True,
        many_grants: bool = False,
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
        self.many_grants = many_grants

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        kwargs: dict[str, Any] = {}
        if not self.global_permissions:
            kwargs["global_permissions"] = False
        if self.creator:
            kwargs["creator"] = list(self.creator)
        if not self.remove_grants:
            kwargs["remove_grants"] = False
        if self.many_grants:
            kwargs["many_grants"] = True
        return "rls_perms.ObjectPermissions", (), kwargs


class ColumnPermissions(_Value):
    """
    Fields that only some of those who may see a row may read, or may write by UPDATE.

    *fields* are names of fields that have a column in the model's own table. *view* and
    *change* are a target or a list of them: ``Group``, ``Permission``, ``Role``, EVERYONE,
    ANONYMOUS. Only these may read, or change, the fields, on the rows and by the permissions
    that everything else gives them; ``[]`` is nobody. None (left out) leaves that privilege
    as it is for the model. Superusers, the system and the owner may always, and INSERT stays
    the add permission's for all fields.

    It becomes privileges on columns:
    https://www.postgresql.org/docs/current/ddl-priv.html.
    """

    def __init__(
        self,
        fields: Sequence[str],
        *,
        view: Target | Sequence[Target] | None = None,
        change: Target | Sequence[Target] | None = None,
    ) -> None:
        if not isinstance(fields, (list, tuple)) or not fields:
            raise TypeError(
                f"ColumnPermissions({fields!r}) takes a list of names of fields, as in "
                "ColumnPermissions(['salary'], view=[Group('Payroll')])."
            )
        for name in fields:
            if not isinstance(name, str):
                raise TypeError(
                    f"ColumnPermissions({fields!r}) names {name!r}, which is no text. Write the "
                    "names of fields, not the fields."
                )
        if view is None and change is None:
            raise ValueError(
                f"ColumnPermissions({fields!r}) keeps nothing for anybody. Say who may read the "
                "fields, view=[...], or who may write them, change=[...]; [] is nobody."
            )
        self.fields = tuple(fields)
        self.view = _keepers(self.fields, "view", view)
        self.change = _keepers(self.fields, "change", change)

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        kwargs = {
            name: list(targets)
            for name, targets in (("view", self.view), ("change", self.change))
            if targets is not None
        }
        return "rls_perms.ColumnPermissions", (list(self.fields),), kwargs

    @property
    def targets(self) -> tuple[Target, ...]:
        """All who may do something that others may not."""
        return (*(self.view or ()), *(self.change or ()))


def _keepers(fields: tuple[str, ...], argument: str, given: Any) -> tuple[Target, ...] | None:
    if given is None:
        return None
    targets: tuple[Any, ...] = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    for target in targets:
        if not isinstance(target, _TARGETS):
            raise TypeError(
                f"ColumnPermissions({list(fields)!r}, {argument}={given!r}): write Group('name'), "
                "Permission('app.codename'), Role('name'), EVERYONE or ANONYMOUS, or [] for nobody."
            )
    return targets


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
    for target in targets:
        if not isinstance(target, _TARGETS):
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
