"""A policy shows the rows that ``Model.objects.filter(condition)`` has, whatever the condition."""

import os
import random

import pytest
from django.db import connection, connections
from django.db.models import Q
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from rls_perms import CurrentUser, as_user
from rls_perms.conditions import parse
from rls_perms.exceptions import ReadsItself
from rls_perms.policies.compile import table_of
from rls_perms.policies.constraint import RowSecurity
from rls_perms.statements.conditions import Text
from tests import corpus, people, variants
from tests.library.models import Book, City, Cover, Label, Loan, Person, Publisher
from tests.people import OWNER

pytestmark = pytest.mark.usefixtures("db")

CASES = 12


class Library:
    """Rows of every kind, and somebody without a permission who looks at them."""

    def __init__(self):
        choose = random.Random(11)
        self.reader = people.user("reader")
        others = [people.user("other"), self.reader, None]
        cities = self.some(City, choose, 3)
        publishers = self.some(Publisher, choose, 4, city=[*cities, None])
        labels = self.some(Label, choose, 3)
        for label in labels:
            label.over = choose.choice([*labels, None])
            label.save(using=OWNER)
        persons = self.some(Person, choose, 5, home=cities, account=others)
        for person in persons[:3]:
            person.friends.add(*choose.sample(persons, 2))
        self.books = []
        for _ in range(14):
            self.books += self.some(
                Book,
                choose,
                1,
                publisher=[*publishers, None],
                author=persons,
                sequel_of=[*self.books, None],
            )
        for book in self.books:
            book.labels.add(*choose.sample(labels, choose.randint(0, 2)))
        for book in self.books[:6]:
            self.some(Cover, choose, 1, book=[book], painter=[*persons, None])
        self.some(Loan, choose, 14, book=[*self.books[:9], None], reader=persons)

    def some(self, model, choose, number, **relations):
        made = []
        for count in range(number):
            values = {name: choose.choice(rows) for name, rows in relations.items()}
            for field in corpus.columns(model):
                if field.primary_key and field.name == "id" and corpus.kind(field) in KEYED:
                    values[field.name] = corpus.VALUES[corpus.kind(field)][count % 3]
                    if model._base_manager.using(OWNER).filter(pk=values[field.name]).exists():
                        values.pop(field.name)
                elif field.name == "slug":
                    values[field.name] = ["a", "it's", "100%"][count % 3]
                elif not field.primary_key:
                    known = corpus.VALUES[corpus.kind(field)]
                    values[field.name] = choose.choice([*known, None] if field.null else known)
            one = model(**values)
            one.save(using=OWNER)
            made.append(one)
        return made


KEYED = {kind for kind in corpus.VALUES if kind.__name__ == "UUIDField"}


@pytest.fixture
def library(db):
    made = Library()
    people.sync()
    yield made
    with connections[OWNER].cursor() as cursor:
        cursor.execute("DROP POLICY IF EXISTS corpus ON library_book")
        cursor.execute(
            "DO $$ DECLARE one regprocedure; BEGIN"
            " FOR one IN SELECT oid FROM pg_proc WHERE obj_description(oid, 'pg_proc') ="
            " 'rls_perms reader' LOOP EXECUTE format('DROP FUNCTION %s', one); END LOOP; END $$"
        )


@settings(
    # More, and others each time: RLS_PERMS_EXAMPLES=1000.
    max_examples=variants.examples(plain=10, all_=40),
    derandomize="RLS_PERMS_EXAMPLES" not in os.environ,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(asked=st.lists(corpus.conditions(Book), min_size=CASES, max_size=CASES))
def test_a_policy_shows_what_filter_has(library, asked):
    for condition in asked:
        note(repr(condition))

        assert seen_under(library, condition) == filtered(library, condition), repr(condition)


def seen_under(library, condition):
    """The books that somebody sees under a policy, by raw SQL and by the ORM."""
    make_policy(condition)
    with as_user(library.reader):
        by_orm = set(Book.objects.values_list("pk", flat=True))
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM library_book")
            by_sql = {key for (key,) in cursor.fetchall()}
    assert by_orm == by_sql
    return by_sql


def make_policy(condition):
    reach = RowSecurity(name="corpus").reach(Book)
    text = Text(Book, table_of(Book), connections[OWNER])
    condition_text = text.of(parse(condition, Book), reach.as_owner(trusted=reads_books(condition)))
    everyone = people.role("everyone")
    made = [one.sql for one in text.readers.values()]
    made += [
        f'GRANT EXECUTE ON FUNCTION rls_perms."{one.name}"({", ".join(one.arguments)}) '
        f'TO "{everyone}"'
        for one in text.readers.values()
    ]
    with connections[OWNER].cursor() as cursor:
        cursor.execute("DROP POLICY IF EXISTS corpus ON library_book")
        cursor.execute(";\n".join(one.rstrip(";\n") for one in made) or "SELECT 1")
        cursor.execute(
            f'CREATE POLICY corpus ON library_book FOR SELECT TO "{everyone}" '
            f"USING ({condition_text})",
            None,
        )


def reads_books(condition):
    """Whether only the owner can look: the condition comes back to the books."""
    declared = RowSecurity(name="corpus", policies=[people.policy("corpus", using=condition)])
    try:
        list(declared.reach(Book).reads())
    except ReadsItself:
        return True
    return False


def filtered(library, condition):
    rows = Book.objects.using(OWNER).filter(without_asker(condition, library.reader))
    return set(rows.values_list("pk", flat=True))


def without_asker(condition, user):
    """*condition* with the key of *user* in the place of CurrentUser()."""
    children = []
    for child in condition.children:
        if isinstance(child, Q):
            child = without_asker(child, user)
        elif isinstance(child, tuple) and isinstance(child[1], CurrentUser):
            child = (child[0], user.pk)
        elif hasattr(child, "condition") and hasattr(child, "model"):
            child = type(child)(child.model, without_asker(child.condition, user))
        children.append(child)
    return Q.create(children, connector=condition.connector, negated=condition.negated)
