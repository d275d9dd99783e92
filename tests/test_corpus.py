"""A policy shows the rows that ``Model.objects.filter(condition)`` has, whatever the condition."""

import os
import random

import pytest
from django.conf import settings as conf
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from tests import corpus, people, variants
from tests.corpus_policies import DECLARED, OWNER, TEXT, Shown
from tests.deployments import ROOT
from tests.example import deployed
from tests.library.models import Book, City, Cover, Label, Loan, Person, Publisher

pytestmark = pytest.mark.usefixtures("db")

CASES = 12
#: How often as many conditions are made up for each model of the example.
EXAMPLES = variants.examples(plain=10, all_=15)
EXAMPLES_MODELS = [
    "billing.Customer",
    "billing.Invoice",
    "billing.InvoiceLine",
    "office.Attachment",
    "office.Comment",
    "office.Document",
    "office.File",
    "tenants.Employee",
    "tenants.Tenant",
]


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
    with Shown(Book, made.reader, permitted=False).cleared() as shown:
        yield shown


@settings(
    # More, and others each time: RLS_PERMS_EXAMPLES=1000.
    max_examples=variants.examples(plain=10, all_=70),
    derandomize="RLS_PERMS_EXAMPLES" not in os.environ,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(
    asked=st.lists(corpus.conditions(Book), min_size=CASES, max_size=CASES),
    declared=st.sampled_from(DECLARED),
)
def test_a_policy_shows_what_filter_has(library, asked, declared):
    # One in twelve through a whole declaration, which takes twice as long.
    for condition, way in zip(asked, [declared, *[TEXT] * (CASES - 1)], strict=True):
        note(f"{way}: {condition!r}")

        assert library.under(condition, way=way) == library.filtered(condition), repr(condition)


# The models of the example project, in processes of their own, which have its settings


@pytest.fixture(scope="module")
def example():
    with deployed(f"{conf.PROJECT}_corpus") as made:
        made.seed(2)
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("model", EXAMPLES_MODELS)
def test_a_policy_on_a_model_of_the_example_shows_what_filter_has(example, model):
    done = example.python(
        "-m", "tests.corpus_of_example", model, str(EXAMPLES), PYTHONPATH=str(ROOT)
    )

    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    assert int(done.stdout) >= CASES * EXAMPLES
    print(f"{model}: {done.stdout.strip()} cases")
