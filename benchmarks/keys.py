"""Ask for single documents by key, as an auditor, in a process of its own."""

import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import django


def main() -> None:
    django.setup()
    from django.db import transaction
    from office.models import Document
    from tenants.models import User

    from rls_perms import as_user

    user = User.objects.get(username="ada.north")
    with as_user(user):
        keys = list(Document.objects.values_list("pk", flat=True)[:50])

    def ask(number: int) -> None:
        Document.objects.get(pk=keys[number % len(keys)])

    def queries(count: int, block: Callable[[], AbstractContextManager[object]]) -> list[float]:
        with as_user(user), block():
            return [timed(lambda number=number: ask(number)) for number in range(count)]

    def context(number: int) -> None:
        with as_user(user), transaction.atomic():
            ask(number)

    def insert() -> None:
        with as_user(maker), transaction.atomic():
            Document.objects.bulk_create(
                Document(tenant_id=maker.tenant_id, owner=maker, title="x") for _ in range(100)
            )
            transaction.set_rollback(True)

    maker = User.objects.get(username="mona.north")
    for line in sys.stdin:
        kind, count = line.split()
        if kind == "atomic":
            found = queries(int(count), transaction.atomic)
        elif kind == "autocommit":
            found = queries(int(count), nullcontext)
        elif kind == "context":
            found = [timed(lambda number=number: context(number)) for number in range(int(count))]
        else:
            found = [timed(insert) for _ in range(int(count) // 10)]
        print(json.dumps(found), flush=True)


def timed(act: Callable[[], None]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
