"""
Run in a process of the example project: policies on one of its models, and what filter() has.

``python -m tests.corpus_of_example office.Document 10`` prints how many conditions it compared,
ten times twelve. It takes the declared policies of every table away, so the database is to be a
test's own.
"""

import os
import random
import sys

import django

django.setup()

from django.apps import apps  # noqa: E402 - after django.setup()
from django.db import IntegrityError, connections, models, transaction  # noqa: E402
from hypothesis import HealthCheck, Phase, given, note, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from tests import corpus  # noqa: E402
from tests.corpus_policies import DECLARED, OWNER, TEXT, Shown  # noqa: E402

CASES = 12
ROWS = 9
#: In an order in which each has what it points to.
MODELS = [
    "tenants.Tenant",
    "tenants.User",
    "tenants.Employee",
    "billing.Customer",
    "billing.Invoice",
    "billing.InvoiceLine",
    "office.Document",
    "office.File",
    "office.Attachment",
    "office.Comment",
]

#: The owner and the system keep theirs: readers of trusted conditions look as the owner.
OPEN = """
DO $$
DECLARE
    one record;
    everyone text := rls_perms.named_role('everyone');
BEGIN
    FOR one IN
        SELECT polname, polrelid::regclass AS relation FROM pg_policy
         WHERE NOT (SELECT relowner FROM pg_class WHERE pg_class.oid = polrelid) = ANY (polroles)
    LOOP
        EXECUTE format('DROP POLICY %I ON %s', one.polname, one.relation);
    END LOOP;
    FOR one IN SELECT oid::regclass AS relation FROM pg_class WHERE relrowsecurity LOOP
        EXECUTE format('GRANT SELECT ON %s TO %I', one.relation, everyone);
        EXECUTE format('CREATE POLICY corpus ON %s FOR SELECT TO %I USING (true)',
                       one.relation, everyone);
    END LOOP;
END
$$
"""


def make_rows():
    """Rows with values of every kind beside the seeded ones, as far as constraints let them."""
    choose = random.Random(23)
    for label in MODELS:
        model = apps.get_model(label)
        for _ in range(ROWS):
            try:
                with transaction.atomic(using=OWNER):
                    made = model.objects.using(OWNER).create(**values(model, choose))
                    dated = {
                        one.name: choose.choice(corpus.VALUES[models.DateTimeField])
                        for one in corpus.columns(model)
                        if getattr(one, "auto_now_add", False) and choose.random() < 0.5
                    }
                    if dated:
                        model.objects.using(OWNER).filter(pk=made.pk).update(**dated)
            except IntegrityError:
                continue


def values(model, choose):
    found = {}
    for field in model._meta.concrete_fields:
        if field.is_relation:
            known = [*field.related_model._base_manager.using(OWNER).order_by("pk")]
        elif field.primary_key or corpus.kind(field) is None:
            continue
        elif field.name == "username":
            known = [f"made up {choose.random()}"]
        else:
            known = [one for one in corpus.VALUES[corpus.kind(field)] if fits(field, one)]
        found[field.name] = choose.choice([*known, None] if field.null else known)
    return found


def fits(field, value):
    if isinstance(field, models.PositiveIntegerField):
        return value >= 0
    return field.max_length is None or len(value) <= field.max_length


def compare(model, examples):
    """How many conditions on *model* were compared."""
    reader = apps.get_model("tenants.User").objects.using(OWNER).get(username="nina.north")
    reader._state.db = "default"
    asked = wanted = 0

    with Shown(model, reader).cleared() as shown:

        @settings(
            # More, and others each time: RLS_PERMS_EXAMPLES=1000.
            max_examples=examples,
            derandomize="RLS_PERMS_EXAMPLES" not in os.environ,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(
            conditions=st.lists(corpus.conditions(model), min_size=CASES, max_size=CASES),
            trusted=st.booleans(),
            declared=st.sampled_from(DECLARED),
        )
        def each(conditions, trusted, declared):
            nonlocal asked, wanted
            ways = [declared, *[TEXT] * (CASES - 1)]
            for condition, way in zip(conditions, ways, strict=True):
                note(f"{way}: {condition!r}")
                seen = shown.under(condition, trusted=trusted, way=way)
                assert seen == shown.filtered(condition), (trusted, way, repr(condition))
                asked += 1
                wanted += 0 < len(seen) < shown.model._base_manager.using(OWNER).count()

        each()
    # Most conditions are to show some rows, or the comparison says little.
    assert wanted > asked / 5, (wanted, asked)
    return asked


if __name__ == "__main__":
    with connections[OWNER].cursor() as owner:
        owner.execute(OPEN)
    if (
        not apps.get_model("tenants.User")
        .objects.using(OWNER)
        .filter(username__startswith="made up")
    ):
        make_rows()
    print(compare(apps.get_model(sys.argv[1]), int(sys.argv[2])))
