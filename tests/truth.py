"""What a declaration allows, said again from DESIGN's rule and without the library's SQL."""

from django.db.models import BigIntegerField, Q
from django.db.models.expressions import RawSQL
from guardian.core import ObjectPermissionChecker
from guardian.utils import get_anonymous_user

from rls_perms import ANONYMOUS, EVERYONE, CurrentUser, Group, ObjectPermissions, Permission, Policy
from rls_perms.keywords import SHOWING, Command
from tests.office.models import Case


class Truth:
    """
    Who is asking, and what one declaration of ``Case`` allows them.

    "A row is allowed for a command if the floor holds, every restrictive policy holds, and
    one of these: the asker has Django's model-level permission for the command and a
    permissive policy shows the row; or an object permission for the command on that row;
    or a policy with permission_required=False shows it."
    """

    def __init__(self, asker, tenant, declared):
        self.asker = asker
        self.tenant = tenant
        self.declared = declared
        self.active = asker.is_active and not asker.is_anonymous
        self.permissions = asker.get_all_permissions()
        self.groups = set(asker.groups.values_list("name", flat=True)) if self.active else set()
        self.policies = [one for one in declared.policies if isinstance(one, Policy)]
        self.object_permissions = [
            one for one in declared.policies if isinstance(one, ObjectPermissions)
        ]
        self.permissive = [one for one in self.policies if one.permissive]
        self.restrictive = [one for one in self.policies if not one.permissive]

    def using(self, row, command):
        """Whether *command* finds the row; for SELECT, whether it is shown."""
        return self._allowed(row, command, lambda policy: policy.using)

    def check(self, row, command):
        """Whether *command* may leave the row as it is."""
        return self._allowed(
            row, command, lambda policy: policy.using if policy.check is None else policy.check
        )

    def _allowed(self, row, command, condition):
        if self.active and self.asker.is_superuser:
            return self.tenant is None or self._in_tenant(row)
        return (
            self._in_tenant(row)
            and all(
                self._holds(condition(policy), row)
                for policy in self.restrictive
                if command in policy.commands and self._is_meant(policy)
            )
            and self._permitted(row, command, condition)
        )

    def _permitted(self, row, command, condition):
        shown = SHOWING if command is Command.SELECT else (command,)
        if self._has(shown) and self._permission_is_enough(command):
            return True
        if self.object_permissions and self._granted(row, shown):
            return True
        return any(
            self._is_meant(policy)
            and (not policy.permission_required or self._has({*shown} & {*policy.commands}))
            and self._holds(condition(policy), row)
            for policy in self.permissive
            if {*shown} & {*policy.commands}
        )

    def _permission_is_enough(self, command):
        if any(one.global_permissions for one in self.object_permissions):
            return True
        if self.object_permissions:
            return command is Command.INSERT
        return not self.permissive

    def _has(self, commands):
        return any(f"office.{one.action}_case" in self.permissions for one in commands)

    def _granted(self, row, commands):
        if Command.INSERT in commands or not (self.active or self.asker.is_anonymous):
            return False
        granted = ObjectPermissionChecker(self.asker).get_perms(row)
        return any(f"{one.action}_case" in granted for one in commands)

    def _in_tenant(self, row):
        if self.declared.tenant is None:
            return True
        return self.tenant is not None and row.tenant_id == self.tenant.pk

    def _is_meant(self, policy):
        if policy.to is None:
            return self.active or not policy.permissive
        return any(self._is(target) for target in policy.to)

    def _is(self, target):
        match target:
            case Group():
                return target.name in self.groups
            case Permission():
                return target.name in self.permissions
        return {EVERYONE: self.active, ANONYMOUS: not self.active}[target]

    def _holds(self, condition, row):
        return row.pk in self._rows(condition)

    def _rows(self, condition):
        known = self.__dict__.setdefault("_known", {})
        if repr(condition) not in known:
            asked = Case.objects.using("owner").filter(self._without_asker(condition))
            known[repr(condition)] = set(asked.values_list("pk", flat=True))
        return known[repr(condition)]

    def _without_asker(self, condition):
        """*condition* with the key of the asker in the place of CurrentUser()."""
        return Q.create(
            [self._child(child) for child in condition.children],
            connector=condition.connector,
            negated=condition.negated,
        )

    def _child(self, child):
        if isinstance(child, Q):
            return self._without_asker(child)
        if isinstance(child, tuple) and isinstance(child[1], CurrentUser):
            return child[0], RawSQL("%s::bigint", [self._key()], output_field=BigIntegerField())
        return child

    def _key(self):
        if self.asker.is_anonymous:
            return get_anonymous_user().pk
        return self.asker.pk if self.active else None
