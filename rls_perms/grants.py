"""What a role is given: privileges on objects, memberships in other roles, parameters."""

from dataclasses import dataclass

from rls_perms.keywords import ObjectKind, Privilege


@dataclass(frozen=True, order=True, slots=True)
class DatabaseObject:
    """
    Something that a privilege can be granted on.

    A function is named with the types of its arguments, a schema or a database has no schema.
    """

    kind: ObjectKind
    schema: str
    name: str
    arguments: tuple[str, ...] | None = None

    def __str__(self) -> str:
        name = f"{self.schema}.{self.name}" if self.schema else self.name
        if self.arguments is not None:
            name += f"({', '.join(self.arguments)})"
        return f"{self.kind.lower()} {name}"


@dataclass(frozen=True, order=True, slots=True)
class Grant:
    """
    One privilege, on one object or one of its columns, for one role.

    *grantor* is "" for the owner of the object, who alone grants what is wanted;
    *grantable* says WITH GRANT OPTION, which nothing asks for.
    """

    role: str
    object: DatabaseObject
    privilege: Privilege
    column: str = ""
    grantor: str = ""
    grantable: bool = False

    def __str__(self) -> str:
        column = f" ({self.column})" if self.column else ""
        return f"{self.privilege}{column} on {self.object} to {self.role}"


@dataclass(frozen=True, order=True, slots=True)
class Membership:
    """
    *member* belongs to *role*.

    *inherit* and *set_role* are PostgreSQL 16's INHERIT and SET; before 16 the member's
    own attribute says whether it inherits, and SET ROLE is always allowed. *grantor* is
    "" where it does not matter, as in what is wanted.
    """

    role: str
    member: str
    inherit: bool
    set_role: bool
    admin: bool = False
    grantor: str = ""

    def __str__(self) -> str:
        return f"{self.member} in {self.role}"


@dataclass(frozen=True, order=True, slots=True)
class RoleSetting:
    """
    A parameter that is set along with a role, for the rest of the transaction.

    Of several groups of one user that set the same, the one of the last *position* counts.
    """

    role: str
    name: str
    value: str
    position: int

    def __str__(self) -> str:
        return f"{self.name} to {self.value!r} for {self.role}"
