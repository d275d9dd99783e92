"""Conditions along relations use the index of the row's own column, on a large table."""

import pytest
from django.db import connection
from django.db.models import OuterRef, Q

from rls_perms import CurrentUser, Exists, as_user
from tests import people
from tests.declaring import declared
from tests.library.models import Book
from tests.people import policy

pytestmark = [pytest.mark.usefixtures("db"), pytest.mark.slow]

ROWS = """
INSERT INTO library_city (id, name) SELECT n, 'city ' || n FROM generate_series(1, 200) n;
INSERT INTO library_person (id, name, home_id)
    SELECT n, 'person ' || n, 1 + n % 200 FROM generate_series(1, 20000) n;
INSERT INTO library_publisher (id, name, city_id, rank, is_open)
    SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'house ' || n,
           1 + n % 200, n, true FROM generate_series(1, 20000) n;
INSERT INTO library_book (id, title, is_lent, author_id, publisher_id)
    SELECT n, 'book ' || n, false, 1 + n % 20000,
           ('00000000-0000-0000-0000-' || lpad((1 + n % 20000)::text, 12, '0'))::uuid
      FROM generate_series(1, 200000) n;
INSERT INTO library_loan (id, book_id, reader_id, days)
    SELECT n, n * 5, 1 + n % 20000, n FROM generate_series(1, 40000) n;
INSERT INTO library_cover (id, book_id, painter_id)
    SELECT n, n * 7, 1 + n % 20000 FROM generate_series(1, 20000) n;
INSERT INTO library_label (slug, weight) SELECT 'label ' || n, n FROM generate_series(1, 5000) n;
INSERT INTO library_book_labels (id, book_id, label_id)
    SELECT n, n, 'label ' || (1 + n % 5000) FROM generate_series(1, 50000) n;
"""

#: What the condition is, and the column of the book whose index finds the rows.
CONDITIONS = [
    ("foreign key", Q(author__name="person 7"), "author_id"),
    ("two foreign keys", Q(publisher__city__name="city 7"), "publisher_id"),
    ("to the asker", Q(author__account=CurrentUser()), "author_id"),
    ("reverse", Q(loans__days=7), "id"),
    ("reverse and on", Q(loans__reader__name="person 7"), "id"),
    ("reverse and two on", Q(loans__reader__home__name="city 7"), "id"),
    ("one to one", Q(cover__painter__name="person 7"), "id"),
    ("one to one and two on", Q(cover__painter__home__name="city 7"), "id"),
    ("many to many", Q(labels="label 7"), "id"),
    ("Exists", Q(Exists("library.Loan", Q(book=OuterRef("pk"), days=7))), "id"),
    (
        "Exists on another column",
        Q(Exists("library.Loan", Q(reader=OuterRef("author"), days=7))),
        "author_id",
    ),
    ("both of two", Q(author__name="person 7", author__home__name="city 8"), "author_id"),
    ("one of two", Q(author__name="person 7") | Q(publisher__name="house 7"), "publisher_id"),
]
TRUSTED = [
    ("many to many and on", Q(labels__weight=7), "id"),
    ("back to books", Q(author__wrote__title="book 7"), "author_id"),
]


@pytest.mark.parametrize("trusted", [False, True])
def test_each_depth_of_relation_uses_the_index_of_the_books_own_column(db, trusted):
    reader = people.user("reader")
    with people.owner_cursor() as cursor:
        cursor.execute(ROWS)
        cursor.execute("ANALYZE library_book, library_loan, library_cover, library_label")
        cursor.execute("ANALYZE library_person, library_publisher, library_book_labels")
        indexes = indexes_by_column(cursor)
    slow = {}
    for name, using, column in [*CONDITIONS, *(TRUSTED if trusted else ())]:
        with declared((Book, [policy("asked", using=using, trusted=trusted)])):
            plan = explained(reader)
        if "Seq Scan on library_book\n" in plan or not any(
            f" {index}" in plan for index in indexes[column]
        ):
            slow[name] = plan

    assert slow == {}


def explained(reader):
    with as_user(reader), connection.cursor() as cursor:
        cursor.execute("EXPLAIN (COSTS OFF) SELECT * FROM library_book")
        return "\n".join(line for (line,) in cursor.fetchall()) + "\n"


def indexes_by_column(cursor):
    """Column of the book -> names of the indexes that begin with it."""
    cursor.execute(
        "SELECT attname, array_agg(indexrelid::regclass::text) FROM pg_index"
        " JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]"
        " WHERE indrelid = 'library_book'::regclass GROUP BY attname"
    )
    return dict(cursor.fetchall())
