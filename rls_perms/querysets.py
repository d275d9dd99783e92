"""Querysets and managers whose queries name the tenant of the context."""

import functools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Self

from asgiref.sync import sync_to_async
from django.db.models import Manager, QuerySet

from rls_perms.conf import get_settings
from rls_perms.session import LEFT_OUT, Entering, as_user
from rls_perms.tenant_rows import check_tenants, fill_tenants, refuse_other_tenant
from rls_perms.tenants import tenant_is

#: Rows that ``aiterator()`` reads at once, if it is not told.
CHUNK = 2000


def _as_its_user(name: str) -> Any:
    """The method *name* of querysets, run as the user of ``for_user``."""

    @functools.wraps(getattr(QuerySet, name))  # with alters_data, which templates ask for
    def run(self: "TenantQuerySet", *args: Any, **kwargs: Any) -> Any:
        return self._inside(lambda: getattr(super(TenantQuerySet, self), name)(*args, **kwargs))

    return run


class TenantQuerySet(QuerySet[Any]):
    """
    Rows of the tenant of the context, by a WHERE beside the policies.

    The tenant is that of the context in which the statement runs, wherever the queryset was
    made. ``for_user`` gives it a context of its own. Bulk operations fill in the tenant that
    rows lack, and raise PermissionDenied for rows of another one, before any statement.
    """

    _as: Entering | None = None

    def for_user(self, user: Any, *, tenant: Any = LEFT_OUT) -> Self:
        """
        The rows that *user* sees, whoever is asking: each of its statements runs as *user*.

        It stays lazy and can be chained. *user* and *tenant* are as for ``as_user``. What is
        loaded later from its rows (``row.client``) runs as whoever asks by then, and so does
        a statement in which it is a subquery.
        """
        entering = as_user(user, tenant=tenant)
        # Who cannot be entered is refused here, where the mistake is.
        entering._make()
        chosen: Self = self._chain()  # type: ignore[attr-defined]
        chosen._as = entering
        return chosen

    def _clone(self) -> Self:
        clone: Self = super()._clone()  # type: ignore[misc]
        clone._as = self._as
        return clone

    def _inside(self, run: Callable[[], Any]) -> Any:
        if self._as is None:
            return run()
        with self._as:
            return run()

    # What runs statements; all else does so by these.
    _fetch_all = _as_its_user("_fetch_all")
    _raw_delete = _as_its_user("_raw_delete")
    _update = _as_its_user("_update")
    aggregate = _as_its_user("aggregate")
    contains = _as_its_user("contains")
    count = _as_its_user("count")
    create = _as_its_user("create")
    delete = _as_its_user("delete")
    exists = _as_its_user("exists")
    explain = _as_its_user("explain")
    get_or_create = _as_its_user("get_or_create")
    update_or_create = _as_its_user("update_or_create")

    def iterator(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        rows = super().iterator(*args, **kwargs)
        return rows if self._as is None else self._steps(rows, self._as)

    def _steps(self, rows: Iterator[Any], entering: Entering) -> Iterator[Any]:
        done = object()
        while True:
            # Not around the yield: whoever reads the rows is not the user.
            with entering:
                row = next(rows, done)
            if row is done:
                return
            yield row

    async def aiterator(self, chunk_size: int | None = CHUNK) -> AsyncIterator[Any]:
        if self._as is None:
            async for row in super().aiterator(chunk_size):  # type: ignore[arg-type]
                yield row
            return
        rows = self.iterator(chunk_size=chunk_size)
        some = sync_to_async(lambda: list(islice(rows, chunk_size or CHUNK)))
        while chunk := await some():
            for row in chunk:
                yield row

    def raw(self, *args: Any, **kwargs: Any) -> Any:
        if self._as is not None:
            raise TypeError(
                "for_user(user).raw() would run as whoever asks. Write with as_user(user): and "
                "evaluate raw() inside."
            )
        return super().raw(*args, **kwargs)

    # One statement runs as one user.

    def _merge_sanity_check(self, other: Any) -> None:
        super()._merge_sanity_check(other)  # type: ignore[misc]
        self._refuse_mixing(other)

    def _combinator_query(self, combinator: str, *others: Any, **options: Any) -> Any:
        for other in others:
            self._refuse_mixing(other)
        return super()._combinator_query(combinator, *others, **options)  # type: ignore[misc]

    def _refuse_mixing(self, other: Any) -> None:
        if getattr(other, "_as", None) is not self._as:
            raise TypeError(
                "Two querysets are combined of which one is for_user() and the other is not, or "
                "for another user: one statement runs as one user. Combine them first, and call "
                "for_user() on the result."
            )

    # Writing

    @property
    def _of_owner(self) -> bool:
        """Whether it is for the owner's alias, where no context has a say."""
        return bool(self._db == get_settings().owner_database)  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """As Django's; fills in the tenant, and raises PermissionDenied for another's."""
        rows = list(objs)

        def create() -> Any:
            fill_tenants(rows, self.model)
            if not self._of_owner:
                check_tenants(rows, self.model, "add")
            return super(TenantQuerySet, self).bulk_create(rows, *args, **kwargs)

        created: list[Any] = self._inside(create)
        return created

    def bulk_update(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> int:
        """As Django's; raises PermissionDenied for a row of another tenant."""
        rows = list(objs)

        def change() -> Any:
            if not self._of_owner:
                check_tenants(rows, self.model, "change")
            return super(TenantQuerySet, self).bulk_update(rows, *args, **kwargs)

        changed: int = self._inside(change)
        return changed

    def update(self, **kwargs: Any) -> int:
        """As Django's; raises PermissionDenied if it would give rows to another tenant."""

        def change() -> Any:
            if not self._of_owner:
                refuse_other_tenant(self.model, kwargs)
            return super(TenantQuerySet, self).update(**kwargs)

        changed: int = self._inside(change)
        return changed

    # Templates ask for it.
    bulk_create.alters_data = True  # type: ignore[attr-defined]
    bulk_update.alters_data = True  # type: ignore[attr-defined]
    update.alters_data = True  # type: ignore[attr-defined]


class TenantManager(Manager.from_queryset(TenantQuerySet)):  # type: ignore[misc]
    """
    The manager of models whose rows belong to tenants: each query names the context's tenant.

    It does so for the queries themselves. For joins, and for what Django reads by the base
    manager (``row.client``, a ``prefetch_related`` forward), the database backend does. The
    policies hold without it; it gives PostgreSQL's planner the value to estimate with, and a
    filter to databases without policies.

    A model with ``Policy(shared=True)`` gets no filter: other tenants' rows are shown, too.
    """

    def get_queryset(self) -> TenantQuerySet:
        rows: TenantQuerySet = super().get_queryset()
        condition = tenant_is(self.model)
        return rows if condition is None else rows.filter(condition)
