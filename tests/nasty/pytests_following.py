"""Grants follow the rows that they are on; run by tests/test_nasty.py."""

import datetime
from contextlib import contextmanager

import pytest
from django.db import connection, connections, transaction
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model

from rls_perms import PermissionDenied, as_role, as_system, as_user
from rls_perms.sync import plan
from tests.nasty.models import (
    Big,
    Child,
    Day,
    Firm,
    Grandchild,
    Line,
    OfPeople,
    OfTeams,
    Parent,
    Small,
    Token,
    Word,
)
from tests.nasty.world import (
    NOBODY,
    OWNER,
    grant,
    make,
    nothing_to_do,
    person,
    sync_roles,
    team,
)

pytestmark = pytest.mark.usefixtures("db")

ALL = ["change", "delete", "view"]
#: What the creator of each is granted.
GRANTED = {Token: ALL, OfPeople: ALL, Day: ALL, OfTeams: ["view"], Word: ["view"]}
KEPT = [Small, Token, Word, OfTeams, OfPeople, Day, Parent]
FINDERS = (get_user_obj_perms_model, get_group_obj_perms_model)


class Office:
    def __init__(self):
        self.firm = make(Firm(code="acme"))
        adds = [f"add_{model._meta.model_name}" for model in (*GRANTED, Line, Parent, Child)]
        self.adders = team("Adders", *adds)
        self.ann = person("ann", firm=self.firm, teams=[self.adders])
        self.bob = person("bob", firm=self.firm, teams=[self.adders])
        everything = [f"{one}_word" for one in ("view", "add", "change", "delete")]
        self.editor = person("editor", firm=self.firm, permissions=everything)
        self.boss = person("boss", is_superuser=True)
        self.plain = person("plain", firm=self.firm)
        sync_roles()

    def new(self, model, number=1):
        match model():
            case Word():
                return Word(word=f"word {number}")
            case Day():
                return Day(day=datetime.date(2024, 1, number), firm_id=self.firm.pk)
        return model(firm_id=self.firm.pk)


@pytest.fixture
def office(db):
    return Office()


def grants_on(row):
    """(username, action) of each grant to a person on *row*, in order."""
    grants = get_user_obj_perms_model(type(row))
    found = grants._base_manager.using(OWNER).filter(**_on(grants, row))
    rows = found.values_list("user__username", "permission__codename")
    return sorted((name, codename.partition("_")[0]) for name, codename in rows)


def _on(grants, row):
    if grants.objects.is_generic():
        return {"object_pk": str(row.pk), "content_type__model": row._meta.model_name}
    return {"content_object_id": row.pk}


def kept_grants():
    """How many grants there are, of all kinds."""
    found = {find(model) for find in FINDERS for model in (None, *KEPT)}
    return sum(one._base_manager.using(OWNER).count() for one in found)


@contextmanager
def undone(alias="default"):
    """A transaction that is rolled back."""
    with transaction.atomic(using=alias):
        yield
        transaction.set_rollback(True, using=alias)


def owner(statement):
    with connections[OWNER].cursor() as cursor:
        cursor.execute(statement)


def run(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else cursor.rowcount


# To the creator

by_model = pytest.mark.parametrize("model", GRANTED)


@by_model
def test_a_creator_is_granted_what_the_declaration_says(office, model):
    with as_user(office.ann):
        made = office.new(model)
        made.save(force_insert=True)

    assert grants_on(made) == [("ann", action) for action in GRANTED[model]]


@by_model
def test_every_way_of_inserting_grants_each_row_once(office, model):
    with as_user(office.ann):
        model.objects.bulk_create([office.new(model, number) for number in (1, 2, 3)])
        office.new(model, 4).save()
        keys = model.objects.values_list("pk", flat=True)

        assert len(keys) == 4
    for row in model.objects.using(OWNER):
        assert grants_on(row) == [("ann", action) for action in GRANTED[model]]


def test_get_or_create_grants_when_it_creates(office):
    with as_user(office.ann):
        first, created = Token.objects.get_or_create(note="one", defaults={"firm": office.firm})
        again, created_again = Token.objects.get_or_create(note="one")

    assert (created, created_again) == (True, False)
    assert first == again
    assert grants_on(first) == [("ann", action) for action in ALL]


def test_raw_sql_of_many_rows_grants_each(office):
    with as_user(office.ann):
        run(
            "INSERT INTO nasty_token (id, firm_id, note)"
            " SELECT gen_random_uuid(), %s, 'raw' FROM generate_series(1, 50)",
            office.firm.pk,
        )

        assert Token.objects.filter(note="raw").count() == 50
        assert Token.objects.update(note="edited") == 50
        assert Token.objects.filter(note="edited").delete()[0] == 50


def test_a_user_with_add_alone_sees_edits_and_deletes_what_they_made(office):
    with as_user(office.ann):
        made = Token.objects.create(firm=office.firm)
        made.note = "edited"
        made.save()

        assert Token.objects.get().note == "edited"
    with as_user(office.bob):
        assert not Token.objects.exists()
    with as_user(office.ann):
        made.delete()

        assert not Token.objects.exists()


def test_what_is_not_granted_stays_denied(office):
    with as_user(office.ann):
        Word.objects.create(word="one")

        assert Word.objects.update(note="edited") == 0
        assert run('DELETE FROM "nasty Word"') == 0


def test_copy_is_refused_by_postgresql(office):
    with (
        as_user(office.ann),
        pytest.raises(Exception, match="COPY FROM not supported with row-level security"),
        connection.cursor() as cursor,
        cursor.copy('COPY "nasty Word" (word, note) FROM STDIN') as copy,
    ):
        copy.write_row(("copied", ""))

    assert not Word.objects.using(OWNER).exists()


def test_the_user_in_force_at_the_statement_is_the_creator(office):
    with transaction.atomic(), as_user(office.ann):
        with as_user(office.bob):
            his = Token.objects.create(firm_id=office.firm.pk)
        hers = Token.objects.create(firm_id=office.firm.pk)

        assert list(Token.objects.all()) == [hers]
    assert {user for user, _ in grants_on(his)} == {"bob"}
    assert {user for user, _ in grants_on(hers)} == {"ann"}


def test_owner_system_and_a_role_without_a_user_are_nobodys_creator(office):
    made = make(Token(firm=office.firm))
    with as_system(reason="test"):
        by_system = Token.objects.create(firm_id=office.firm.pk)
    with as_user(office.boss):
        by_boss = Token.objects.create(firm_id=office.firm.pk)
    with as_role("adders"):
        Word.objects.create(word="by role")

    assert [grants_on(one) for one in (made, by_system, by_boss)] == [[], [], []]
    assert grants_on(Word(word="by role")) == []


def test_whoever_is_not_signed_in_is_nobodys_creator(office):
    # Guardian's anonymous user stands for everybody else who is not, too.
    person("AnonymousUser")
    anonymous = f"{connection.settings_dict['NAME']}_anonymous"
    owner(
        f'GRANT INSERT ON "nasty Word" TO "{anonymous}";'
        f'CREATE POLICY rogue ON "nasty Word" FOR INSERT TO "{anonymous}" WITH CHECK (true)'
    )
    try:
        with as_user(NOBODY):
            Word.objects.create(word="anonymous")
            assert not Word.objects.exists()
    finally:
        owner('DROP POLICY rogue ON "nasty Word"')
        sync_roles()

    assert grants_on(Word(word="anonymous")) == []


@pytest.mark.parametrize(
    "conflict", ["DO NOTHING", "(word) DO UPDATE SET note = 'again'"], ids=["nothing", "update"]
)
def test_on_conflict_grants_nothing_on_a_row_that_was_there(office, conflict):
    make(Word(word="old"))
    with as_user(office.editor):
        run(
            'INSERT INTO "nasty Word" (word, note) VALUES (%s, %s), (%s, %s)'
            f" ON CONFLICT {conflict}",
            "old", "", "new", "",
        )  # fmt: skip

    assert grants_on(Word(word="old")) == []
    assert grants_on(Word(word="new")) == [("editor", "view")]


def test_ignore_conflicts_grants_nothing_on_a_row_that_was_there(office):
    make(Word(word="old"))
    with as_user(office.ann):
        Word.objects.bulk_create([Word(word="old"), Word(word="new")], ignore_conflicts=True)

        assert [one.word for one in Word.objects.all()] == ["new"]
    assert grants_on(Word(word="old")) == []


def test_a_grant_that_is_there_already_is_no_error(office):
    grant(office.ann, "view_word", Word(word="one"))
    with as_user(office.ann):
        Word.objects.create(word="one")

    assert grants_on(Word(word="one")) == [("ann", "view")]


def test_a_row_that_is_rolled_back_leaves_no_grant(office):
    before = kept_grants()
    with as_user(office.ann), undone():
        Token.objects.create(firm=office.firm)

    assert kept_grants() == before


def test_a_refused_row_leaves_no_grant(office):
    before = kept_grants()
    other = make(Firm(code="other"))
    with as_user(office.ann), pytest.raises(PermissionDenied):
        Token.objects.create(firm=other)

    assert kept_grants() == before


def test_parent_and_child_are_granted_each_by_its_own_declaration(office):
    with as_user(office.ann):
        made = Child.objects.create(firm_id=office.firm.pk, toy="bear")

        assert Child.objects.get().toy == "bear"
    assert grants_on(made) == [("ann", "view")]
    assert grants_on(made.parent_ptr) == [("ann", action) for action in ALL]


def test_nobody_makes_a_trigger_of_their_own_from_the_function(office):
    refused = pytest.raises(PermissionDenied, match=r"for function rls_perms\.follow_nasty_token")
    with transaction.atomic(), as_user(office.ann):
        run("CREATE TEMP TABLE mine (id uuid) ON COMMIT DROP")
        with refused, transaction.atomic():
            run(
                "CREATE TRIGGER mine AFTER INSERT ON mine REFERENCING NEW TABLE AS made"
                " FOR EACH STATEMENT EXECUTE FUNCTION rls_perms.follow_nasty_token()"
            )


# With the row

by_kept = pytest.mark.parametrize("model", KEPT)


@pytest.fixture
def granted(office):
    """Make a row of a model with grants to ann, who may do everything, and to her team."""

    def make_row(model):
        row = make(office.new(model))
        name = model._meta.model_name
        for action in ("view", "change", "delete"):
            grant(office.ann, f"{action}_{name}", row)
        grant(office.adders, f"view_{name}", row)
        return row

    return make_row


@by_kept
def test_deleting_a_row_takes_its_grants_along(office, granted, model):
    before = kept_grants()
    row = granted(model)
    with as_user(office.ann):
        model.objects.get().delete()

    assert not model.objects.using(OWNER).exists()
    assert kept_grants() == before
    assert grants_on(row) == []


@by_kept
def test_raw_sql_takes_grants_along(office, granted, model):
    before = kept_grants()
    granted(model)
    with as_user(office.ann):
        assert run(f'DELETE FROM "{model._meta.db_table}"') == 1

    assert kept_grants() == before


@by_kept
def test_a_queryset_takes_grants_along(office, granted, model):
    before = kept_grants()
    granted(model)
    with as_user(office.ann):
        assert model.objects.all().delete()[0] >= 1

    assert not model.objects.using(OWNER).exists()
    assert kept_grants() == before


@by_kept
def test_the_owner_takes_grants_along(office, granted, model):
    before = kept_grants()
    granted(model)
    model.objects.using(OWNER).all().delete()

    assert kept_grants() == before


@by_kept
def test_truncate_takes_grants_along(office, granted, model):
    before = kept_grants()
    granted(model)
    owner(f'TRUNCATE "{model._meta.db_table}" CASCADE')

    assert kept_grants() == before


def test_a_cascade_of_the_database_takes_grants_along(office, granted):
    before = kept_grants()
    token = granted(Token)
    with as_user(office.ann):
        Line.objects.create(token=token, text="one")
    lines = kept_grants()
    with undone(OWNER):
        owner(
            "ALTER TABLE nasty_line ADD FOREIGN KEY (token_id) REFERENCES nasty_token"
            " ON DELETE CASCADE; DELETE FROM nasty_token"
        )
        assert not Line.objects.using(OWNER).exists()
        assert kept_grants() == before

    assert kept_grants() == lines


def test_a_rollback_restores_grants(office, granted):
    row = granted(Token)
    there = kept_grants()
    with as_user(office.ann), undone():
        Token.objects.all().delete()

    assert kept_grants() == there
    with as_user(office.ann):
        assert Token.objects.get() == row


def test_a_key_that_is_used_again_gives_nobody_access(office, granted):
    row = granted(Word)
    with as_user(office.editor):
        row.delete()
        Word.objects.create(word="word 1")
    with as_user(office.ann):
        assert not Word.objects.exists()


def test_grants_on_other_rows_stay(office, granted):
    granted(Word)
    make(Word(word="other"))
    grant(office.ann, "view_word", Word(word="other"))
    with as_user(office.ann):
        Word.objects.get(word="word 1").delete()

        assert [one.word for one in Word.objects.all()] == ["other"]


def test_a_changed_key_takes_the_grants_on_the_old_one_along(office, granted):
    granted(Word)
    with as_user(office.ann):
        assert run("""UPDATE "nasty Word" SET note = 'same key'""") == 1
    kept = grants_on(Word(word="word 1"))
    owner("""UPDATE "nasty Word" SET word = 'renamed'""")

    assert kept == [("ann", action) for action in ALL]
    assert grants_on(Word(word="word 1")) == []
    assert grants_on(Word(word="renamed")) == []


def test_remove_grants_false_leaves_them(office):
    row = make(Big(pk=5, firm=office.firm))
    grant(office.ann, "view_big", row)
    row.delete(using=OWNER)

    assert grants_on(Big(pk=5)) == [("ann", "view")]


def test_whoever_deletes_needs_no_privilege_on_the_grants(office, granted):
    granted(Token)
    table = get_user_obj_perms_model()._meta.db_table
    with as_user(office.ann):
        with pytest.raises(PermissionDenied, match=f"permission denied for table {table}"):
            run(f"DELETE FROM {table}")
        assert run("DELETE FROM nasty_token") == 1


def test_a_grant_by_foreign_key_that_is_taken_back_is_so_at_once_but_for_what_it_let_delete(office):
    row = make(OfPeople(firm=office.firm))
    grants = get_user_obj_perms_model(OfPeople)._base_manager
    for action in ("change", "delete"):
        grant(office.plain, f"{action}_ofpeople", row)
    with transaction.atomic(), as_user(office.plain):
        grants.all().delete()

        assert run("UPDATE nasty_ofpeople SET note = 'no'") == 0
        with as_user(office.bob):
            assert run("DELETE FROM nasty_ofpeople") == 0
    with as_user(office.plain):
        assert run("DELETE FROM nasty_ofpeople") == 0


# Children of multi-table models


@pytest.fixture
def family(office):
    """A grandchild on which plain is granted everything, and nothing on its parents."""
    made = make(Grandchild(firm=office.firm, note="n", toy="t", sweet="s"))
    make(Parent(firm=office.firm))
    for action in ("view", "change", "delete"):
        grant(office.plain, f"{action}_grandchild", made)
    return made


def test_a_child_is_read_with_its_parents_and_they_not_without_it(office, family):
    with as_user(office.plain):
        assert Grandchild.objects.count() == 1
        assert [one.sweet for one in Grandchild.objects.select_related("firm")] == ["s"]
        assert [one.pk for one in Parent.objects.all()] == [family.pk]


def test_a_child_is_saved_with_its_parents(office, family):
    with as_user(office.plain):
        one = Grandchild.objects.get()
        one.note, one.toy, one.sweet = "1", "2", "3"
        one.save()

        again = Grandchild.objects.get()
        assert (again.note, again.toy, again.sweet) == ("1", "2", "3")


def test_a_child_is_deleted_with_its_parents(office, family):
    with as_user(office.plain):
        deleted, _ = Grandchild.objects.get().delete()

    assert deleted == 3
    assert Parent.objects.using(OWNER).count() == 1
    assert grants_on(family) == []


def test_a_child_with_grants_by_foreign_key_is_deleted_with_its_parent(office):
    made = make(Child(firm=office.firm))
    grant(office.plain, "delete_child", made)
    with as_user(office.plain):
        Child.objects.get().delete()

    assert not Child.objects.using(OWNER).exists()
    assert not Parent.objects.using(OWNER).exists()


def test_the_parents_part_can_be_deleted_in_the_same_transaction_only(office, family):
    with as_user(office.plain):
        Grandchild.objects.get().delete(keep_parents=True)

        assert not Parent.objects.exists()
        assert run("DELETE FROM nasty_parent") == 0


def test_the_parents_part_is_left_to_who_deleted_the_child(office, family):
    with transaction.atomic(), as_user(office.plain):
        run("DELETE FROM nasty_grandchild")
        with as_user(office.bob):
            assert run("DELETE FROM nasty_parent") == 0
            assert not Parent.objects.exists()

        assert Child.objects.count() == 1


def test_a_model_permission_on_a_child_shows_the_rows_of_its_parents_that_are_children(office):
    holder = person("holder", firm=office.firm, permissions=["view_child"])
    child = make(Child(firm=office.firm, toy="bear"))
    make(Parent(firm=office.firm))
    sync_roles()

    with as_user(holder):
        assert [one.toy for one in Child.objects.all()] == ["bear"]
        assert [one.pk for one in Parent.objects.all()] == [child.pk]


# What sync says


@pytest.mark.parametrize(
    "done",
    [
        "DROP TRIGGER zz_rls_perms_gone ON nasty_token",
        "ALTER TABLE nasty_token DISABLE TRIGGER zz_rls_perms_creator",
        "CREATE OR REPLACE FUNCTION rls_perms.follow_nasty_token() RETURNS trigger"
        " LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "DROP FUNCTION rls_perms.follow_nasty_token() CASCADE",
        "GRANT EXECUTE ON FUNCTION rls_perms.follow_nasty_token() TO PUBLIC",
    ],
)
def test_triggers_that_are_not_as_declared_are_made_anew(office, done):
    owner(done)

    assert [
        change for change in plan(connections[OWNER]).plan if "follow_nasty_token" in str(change)
    ]
    sync_roles()
    nothing_to_do()
    with as_user(office.ann):
        made = Token.objects.create(firm=office.firm)
        assert Token.objects.get() == made
        made.delete()
    assert grants_on(made) == []
