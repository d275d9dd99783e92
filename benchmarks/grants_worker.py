"""Ask the archive the questions that are compared, and say how long each took."""

import json
import sys
import time
from contextlib import nullcontext

import django
from django.conf import settings

#: How many rows a page has.
PAGE = 50


def main():
    django.setup()
    for line in sys.stdin:
        name, shape, count, fresh = line.split()
        print(json.dumps(ask(name, shape, int(count), fresh == "fresh")), flush=True)


def ask(name, shape, count, fresh):
    """The answer, and the seconds of each of *count* times; *fresh* is a new request each time."""
    from django.contrib.auth.models import User

    run = WRITES.get(shape) or SHAPES[shape]
    taken = []
    for _ in range(count if fresh else 1):
        # A request has the user from its session: not part of the question.
        user = User.objects.get(username=name)
        with entered(user):
            if not fresh:
                # It enters the context, and fills caches: once a request on each side.
                run(user)
            for _ in range(1 if fresh else count):
                started = time.perf_counter()
                answer = run(user)
                seconds = time.perf_counter() - started
                taken.append(answer if shape in WRITES else seconds)
    return {"answer": answer, "seconds": taken}


def entered(user):
    if settings.FILTERED:
        return nullcontext()
    from rls_perms import as_user

    return as_user(user)


def visible(user):
    """What the user may see: with the library all that there is, without it guardian's shortcut."""
    from guardian.shortcuts import get_objects_for_user

    from benchmarks.archive.models import Record

    if not settings.FILTERED:
        return Record.objects.all()
    return get_objects_for_user(user, "archive.view_record", Record)


def keys(records):
    return [record.pk for record in records]


def joined(user):
    """250 comments, each with its record; those whose record is hidden are left out."""
    from benchmarks.archive.models import Comment

    comments = Comment.objects.filter(batch=7).select_related("record")
    if settings.FILTERED:
        comments = comments.filter(record__in=visible(user))
    return sorted(comment.record.pk for comment in comments)


def any_of(user):
    """Some record of those that the user is granted; the last one that is there otherwise."""
    if user.pk not in _granted:
        from guardian.models import UserObjectPermission

        texts = UserObjectPermission.objects.filter(user=user).values_list("object_pk", flat=True)
        _granted[user.pk] = int(texts.order_by("pk").first() or 1_000_000)
    return _granted[user.pk]


_granted = {}

SHAPES = {
    "point": lambda user: keys(visible(user).filter(pk=any_of(user))),
    "hidden": lambda user: keys(visible(user).filter(pk=any_of(user) + 1)),
    "page": lambda user: keys(visible(user).order_by("created")[:PAGE]),
    "page_by_key": lambda user: keys(visible(user).order_by("pk")[:PAGE]),
    "filtered": lambda user: keys(visible(user).filter(state="open").order_by("created")[:PAGE]),
    "prefix": lambda user: sorted(keys(visible(user).filter(title__startswith="7ab"))),
    "contains": lambda user: sorted(keys(visible(user).filter(title__icontains="7abc"))),
    "count": lambda user: visible(user).count(),
    "join": joined,
}


def inserting(rows):
    """Seconds a row of one bulk_create of so many rows, that is rolled back."""

    def insert(user):
        from django.db import transaction
        from django.utils import timezone

        from benchmarks.archive.models import Record

        now = timezone.now()
        records = [Record(title=f"new {one}", state="new", created=now) for one in range(rows)]
        with transaction.atomic():
            started = time.perf_counter()
            Record.objects.bulk_create(records)
            taken = time.perf_counter() - started
            transaction.set_rollback(True)
        return taken / rows

    return insert


def creating(user):
    """Seconds of one create(), of a hundred in a transaction that is rolled back."""
    from django.db import transaction
    from django.utils import timezone

    from benchmarks.archive.models import Record

    now = timezone.now()
    with transaction.atomic():
        started = time.perf_counter()
        for number in range(100):
            Record.objects.create(title=f"new {number}", state="new", created=now)
        taken = time.perf_counter() - started
        transaction.set_rollback(True)
    return taken / 100


WRITES = {
    "create": creating,
    "bulk_100": inserting(100),
    "bulk_200000": inserting(200_000),
}

if __name__ == "__main__":
    main()
