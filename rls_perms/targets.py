"""Whom a policy is for, as a declaration says it: names that become roles when applied."""

from dataclasses import dataclass
from typing import Any

from rls_perms.keywords import RoleKind


@dataclass(frozen=True, slots=True)
class Group:
    """The members of one Django group, by its name."""

    name: str

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return "rls_perms.Group", [self.name], {}

    def __str__(self) -> str:
        return f"group {self.name}"


@dataclass(frozen=True, slots=True)
class Permission:
    """All who hold one permission, written ``"app_label.codename"``."""

    name: str

    def __post_init__(self) -> None:
        app_label, dot, codename = self.name.partition(".")
        if not (app_label and dot and codename):
            raise ValueError(
                f"Permission({self.name!r}) names no app. Write Permission('app_label.codename'), "
                "as has_perm() takes it."
            )

    @property
    def app_label(self) -> str:
        return self.name.partition(".")[0]

    @property
    def codename(self) -> str:
        return self.name.partition(".")[2]

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return "rls_perms.Permission", [self.name], {}

    def __str__(self) -> str:
        return f"holders of {self.name}"


@dataclass(frozen=True, slots=True)
class Role:
    """A role of the cluster that exists already and is not ours, by its full name."""

    name: str

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return "rls_perms.Role", [self.name], {}

    def __str__(self) -> str:
        return f"role {self.name}"


@dataclass(frozen=True, slots=True)
class Fixed:
    """One of the roles that every project has; use the constants below."""

    kind: RoleKind

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return "rls_perms.targets.Fixed", [str(self.kind)], {}

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", RoleKind(self.kind))

    def __repr__(self) -> str:
        return self.kind.name

    def __str__(self) -> str:
        return str(self.kind)


Target = Group | Permission | Role | Fixed

#: Every signed-in user but a superuser.
EVERYONE = Fixed(RoleKind.EVERYONE)
#: Requests without a user, or with an inactive one.
ANONYMOUS = Fixed(RoleKind.ANONYMOUS)
#: Superusers outside any tenant, and ``as_system()``; sees all rows in any case.
SYSTEM = Fixed(RoleKind.SYSTEM)
