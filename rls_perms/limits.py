"""How many roles one login can bear. Pure: counts what a state holds."""

# Any role DDL in the cluster makes each backend read the memberships of its login anew at its
# next SET ROLE: 0.3 ms for 100, up to 9 ms for 1,000, up to 530 ms for 10,000. So with a role for
# each tenant (benchmarks/tenant_roles.py) the first message after such a change takes twice as long
# with 300 tenants behind one login, and nine times with 1,000.

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from rls_perms.exceptions import PlanError
from rls_perms.grants import Membership

MANY = 300
#: Before PostgreSQL 16 each one costs more.
MANY_BEFORE_16 = 100
MOST = 1000

ADVICE = (
    "Each combination of groups and direct permissions that users have is a role of its own. Give "
    "permissions to groups rather than to users, put together groups that the same users have, or "
    "take users out of groups that they do not need. With TENANT_ROLES it is one for each tenant, "
    "too: let several logins serve a share of the tenants each, or leave it off."
)


def check_limits(
    memberships: Iterable[Membership], logins: Collection[str], many: int
) -> Iterator[str]:
    """A warning for each login with more than *many* roles; PlanError above ``MOST``."""
    count = Counter(one.member for one in memberships if one.member in logins)
    for login, number in sorted(count.items()):
        if number > MOST:
            raise PlanError(
                f"The login {login!r} would have to be a member of {number:,} roles, and {MOST:,} "
                f"is the most: beyond, each change of a role slows every request down. {ADVICE}"
            )
        if number > many:
            yield (
                f"The login {login!r} is a member of {number:,} roles. Above {many:,} each change "
                f"of a role slows the next requests down, and {MOST:,} is the most. {ADVICE}"
            )
