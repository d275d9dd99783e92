"""Conditions that go along relations: as whom they read, and what they may not."""

from contextlib import contextmanager

import pytest
from django.db import connection, connections
from django.db.models import BooleanField, CharField, Count, F, OuterRef, Q
from django.db.models.expressions import RawSQL

from rls_perms import (
    ANONYMOUS,
    EVERYONE,
    SELECT,
    CurrentUser,
    Exists,
    Group,
    Policy,
    RowSecurity,
    as_user,
)
from rls_perms.exceptions import ConfigurationError, PermissionDenied, ReadsItself
from tests import people
from tests.declaring import declared
from tests.library.models import Book, City, Label, Person, Publisher
from tests.office.models import Case
from tests.people import OWNER, policy, seen

pytestmark = pytest.mark.usefixtures("db")


class Shelf:
    """Two books with a label each, and somebody who reads."""

    def __init__(self):
        self.reader = people.user("reader")
        city = people.make(City(name="here"))
        self.person = people.make(Person(name="me", home=city, account=self.reader))
        other = people.make(Person(name="you", home=city))
        self.open, self.shut = (
            people.make(Publisher(name=name, is_open=is_open, rank=rank, city=city))
            for name, is_open, rank in (("open", True, 1), ("shut", False, 2))
        )
        self.mine = people.make(Book(title="mine", author=self.person, publisher=self.open))
        self.yours = people.make(Book(title="yours", author=other, publisher=self.shut))
        self.red, self.blue = (
            people.make(Label(slug=slug, weight=weight))
            for slug, weight in (("red", 1), ("blue", 2))
        )
        for book, label in ((self.mine, self.red), (self.yours, self.blue)):
            Book.labels.through.objects.using(OWNER).create(book=book, label=label)

    def changer(self, *permissions):
        return people.user("changer", permissions=[f"library.{one}_book" for one in permissions])


@pytest.fixture
def shelf(db):
    return Shelf()


WROTE = policy("wrote", using=Q(author__account=CurrentUser()))


@contextmanager
def raw(asker):
    """A raw cursor as *asker*."""
    with as_user(asker), connection.cursor() as cursor:
        yield cursor


# Tables that Django makes for many-to-many fields


def links(asker):
    return seen(asker, Book.labels.through)


def link_of(book):
    return Book.labels.through.objects.using(OWNER).get(book=book).pk


def test_a_link_is_seen_by_who_sees_its_ends(shelf):
    with declared((Book, [WROTE])):
        assert links(shelf.reader) == {link_of(shelf.mine)}
        assert links(people.NOBODY) == set()
        people.nothing_to_do()


def test_a_link_is_seen_where_both_ends_are_protected_and_seen(shelf):
    heavy = policy("heavy", using=Q(weight=2), to=[EVERYONE, ANONYMOUS])
    everything = policy("everything", using=Q())
    with declared((Book, [everything]), (Label, [heavy])):
        assert links(shelf.reader) == {link_of(shelf.yours)}
        with as_user(shelf.reader):
            assert [one.slug for one in Book.objects.get(pk=shelf.mine.pk).labels.all()] == []
            assert [one.slug for one in Book.objects.get(pk=shelf.yours.pk).labels.all()] == [
                "blue"
            ]


def test_who_may_change_the_book_makes_and_deletes_its_links(shelf):
    with declared((Book, [Policy("of me", using=Q(author__account=CurrentUser())), EVERYTHING])):
        changer = shelf.changer("view", "change")
        shelf.person.account = changer
        shelf.person.save(using=OWNER)
        people.sync()
        with as_user(changer):
            shelf.mine.labels.set([shelf.blue])
            assert [one.slug for one in shelf.mine.labels.all()] == ["blue"]
            with pytest.raises(PermissionDenied, match="row-level security"):
                Book.objects.get(pk=shelf.yours.pk).labels.add(shelf.red)
            Book.objects.get(pk=shelf.yours.pk).labels.clear()

        assert set(Book.labels.through.objects.using(OWNER).values_list("book", "label")) == {
            (shelf.mine.pk, "blue"),
            (shelf.yours.pk, "blue"),
        }


EVERYTHING = policy("everything", using=Q())


def test_who_may_not_change_any_book_makes_no_link(shelf):
    with declared((Book, [EVERYTHING])):
        with as_user(shelf.reader), pytest.raises(PermissionDenied):
            Book.objects.get(pk=shelf.mine.pk).labels.add(shelf.blue)
        with pytest.raises(PermissionDenied), raw(shelf.reader) as cursor:
            cursor.execute("DELETE FROM library_book_labels")

    assert Book.labels.through.objects.using(OWNER).count() == 2


def test_a_link_cannot_be_turned_to_another_book(shelf):
    with declared((Book, [EVERYTHING])):
        changer = shelf.changer("change")
        people.sync()
        with pytest.raises(PermissionDenied), raw(changer) as cursor:
            cursor.execute("UPDATE library_book_labels SET book_id = %s", [shelf.mine.pk])


def test_links_without_their_policies_are_closed_until_the_next_sync(shelf):
    with declared((Book, [EVERYTHING])):
        with people.owner_cursor() as cursor:
            cursor.execute('DROP POLICY "ends select" ON library_book_labels')
        assert links(shelf.reader) == set()
        people.sync()

        assert links(shelf.reader) == {link_of(shelf.mine), link_of(shelf.yours)}


# As whom a condition reads


def test_a_condition_reads_its_own_links_as_the_owner(shelf):
    with declared((Book, [policy("red", using=Q(labels="red"))])):
        assert seen(shelf.reader, Book) == {shelf.mine.pk}
        assert seen(people.NOBODY, Book) == set()


def test_a_row_that_the_asker_does_not_see_is_none_for_a_condition(shelf):
    by_publisher = policy("ranked", using=Q(publisher__rank__gte=1))
    shown = policy("open", using=Q(is_open=True))
    with declared((Book, [by_publisher]), (Publisher, [shown])):
        assert seen(shelf.reader, Book) == {shelf.mine.pk}


@pytest.mark.parametrize("key", ["id", "pk"])
def test_asking_for_the_key_of_a_row_behind_a_relation_asks_for_the_row(shelf, key):
    is_there = policy("with publisher", using=Q(**{f"publisher__{key}__isnull": False}))
    shown = policy("open", using=Q(is_open=True))
    with declared((Book, [is_there]), (Publisher, [shown])):
        assert seen(shelf.reader, Book) == {shelf.mine.pk}
    is_not_there = policy("without", using=Q(**{f"publisher__{key}__isnull": True}))
    with declared((Book, [is_not_there]), (Publisher, [shown])):
        assert seen(shelf.reader, Book) == {shelf.yours.pk}


def test_asking_for_the_key_itself_asks_for_no_row(shelf):
    has_key = policy("with key", using=Q(publisher__isnull=False))
    shown = policy("open", using=Q(is_open=True))
    with declared((Book, [has_key]), (Publisher, [shown])):
        assert seen(shelf.reader, Book) == {shelf.mine.pk, shelf.yours.pk}


def test_a_trusted_condition_reads_what_the_asker_does_not_see(shelf):
    by_publisher = policy("ranked", using=Q(publisher__rank__gte=1), trusted=True)
    shown = policy("open", using=Q(is_open=True))
    with declared((Book, [by_publisher]), (Publisher, [shown])):
        assert seen(shelf.reader, Book) == {shelf.mine.pk, shelf.yours.pk}
        assert seen(shelf.reader, Publisher) == {shelf.open.pk}
        people.nothing_to_do()


@pytest.mark.parametrize(
    ("using", "titles"),
    [
        (Q(publisher__rank=2), {"yours"}),
        (~Q(publisher__rank=2), {"mine"}),
        (Q(publisher__name=F("title")), set()),
        (~Q(labels__weight=1), {"yours"}),
        (Q(author__wrote__title="mine"), {"mine"}),
        (Q(Exists("library.Book", Q(author=OuterRef("author"), title="mine"))), {"mine"}),
    ],
)
def test_each_form_of_a_trusted_condition(shelf, using, titles):
    with declared((Book, [policy("trusted", using=using, trusted=True)]), (Publisher, [])):
        books = {one.pk for one in (shelf.mine, shelf.yours) if one.title in titles}

        assert seen(shelf.reader, Book) == books
        people.nothing_to_do()


def test_nobody_but_whom_a_policy_is_for_can_call_its_reader(shelf):
    with declared((Book, [policy("ranked", using=Q(publisher__rank=1), trusted=True)])):
        [name] = readers()
        with raw(shelf.reader) as cursor:
            cursor.execute(f'SELECT * FROM rls_perms."{name}"()')
            keys = [key for (key,) in cursor.fetchall()]
        with (
            pytest.raises(PermissionDenied, match="permission denied for function"),
            raw(people.NOBODY) as cursor,
        ):
            cursor.execute(f'SELECT * FROM rls_perms."{name}"()')

    assert keys == [shelf.open.pk]


def test_a_declaration_that_goes_takes_its_readers_along(shelf):
    by_publisher = policy("ranked", using=Q(publisher__rank=1), trusted=True)
    with declared((Book, [by_publisher])):
        pass

    assert readers() == []


def readers():
    """The functions that policies of books read by."""
    with people.owner_cursor() as cursor:
        cursor.execute("SELECT proname FROM pg_proc WHERE proname LIKE 'read_library_book%'")
        return [name for (name,) in cursor.fetchall()]


def test_the_columns_that_a_condition_reads_are_those_that_postgresql_says(shelf):
    from rls_perms.policies.constraint import declaration

    conditions = [
        Q(publisher__city__name="here"),
        Q(loans__reader__account=CurrentUser()),
        ~Q(loans__reader__home__name="there"),
        Q(Exists("library.Loan", Q(book=OuterRef("pk"), days=1))),
        Q(author__friends__name="x") | Q(cover__colour="red"),
        Q(publisher__name=F("title"), publisher__rank=1),
    ]
    policies = [policy(f"p{place}", using=one) for place, one in enumerate(conditions)]
    with declared((Book, policies)), people.owner_cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT relname, attname FROM pg_depend"
            " JOIN pg_policy ON pg_policy.oid = objid JOIN pg_class ON pg_class.oid = refobjid"
            " JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid"
            " WHERE classid = 'pg_policy'::regclass AND refclassid = 'pg_class'::regclass"
            " AND polrelid = 'library_book'::regclass AND refobjid <> polrelid"
        )
        said = set(cursor.fetchall())
        reach = declaration(Book).reach(Book)
        known = {
            (table, column)
            for _, read in reach.reads()
            for table, columns in read.items()
            for column in columns
        }

    assert known == said


def raw_sql(text, *params):
    return Q(RawSQL(text, params, output_field=BooleanField()))  # noqa: S611 - as adopters may


def test_what_raw_sql_reads_is_readable_after_the_second_round_of_a_sync(shelf):
    text = "author_id IN (SELECT id FROM library_person WHERE name = %s) AND title LIKE 'm%%'"
    with declared((Book, [policy("raw", using=raw_sql(text, "me"))])):
        people.sync()

        assert seen(shelf.reader, Book) == {shelf.mine.pk}
        people.nothing_to_do()


def test_raw_sql_is_refused_in_a_trusted_policy(shelf):
    wrong = policy("raw", using=raw_sql("title = 'mine'"), trusted=True)
    with (
        pytest.raises(ConfigurationError, match=r"trusted policy of library\.Book has RawSQL"),
        declared((Book, [wrong])),
    ):
        pass  # pragma: no cover - declaring is what fails


# What is refused


@pytest.mark.parametrize(
    ("using", "said"),
    [
        (Q(publisher__nmae="x"), "nmae"),
        (Q(pages="many"), "Field 'pages' expected a number but got 'many'"),
        (Q(publisher__rank="many"), "Field 'rank' expected a number but got 'many'"),
        (Q(printed="someday"), "someday"),
        (Q(Exists("library.Lone", Q())), "Lone"),
        (Q(author__in=Person.objects.all()), "'author__in' with a queryset"),
    ],
)
def test_a_condition_with_a_mistake_is_refused_by_name(using, said):
    with pytest.raises(ConfigurationError) as caught:
        list(RowSecurity(name="x", policies=[policy("wrong", using=using)]).reach(Book).reads())

    assert said in str(caught.value)
    assert "library.Book" in str(caught.value)


def test_an_aggregate_is_refused():
    from django.db.models.lookups import GreaterThan

    using = Q(GreaterThan(Count("loans"), 1))
    with pytest.raises(ConfigurationError, match=r"Count\(F\(loans\)\).*row by row"):
        list(RowSecurity(name="x", policies=[policy("many", using=using)]).reach(Book).reads())


@pytest.mark.parametrize(
    ("using", "name"),
    [
        (Q(sequel_of__title="x"), "'sequel_of'"),
        (Q(author__wrote__title="x"), "'wrote'"),
        (Q(labels__weight=1), "'labels'"),
        (Q(Exists("library.Book", Q(title="x", author=OuterRef("author")))), "a subquery"),
    ],
)
def test_a_condition_that_comes_back_to_its_table_is_refused_unless_trusted(using, name):
    wrong = RowSecurity(name="x", policies=[policy("again", using=using)])
    with pytest.raises(ReadsItself) as caught:
        list(wrong.reach(Book).reads())
    trusted = RowSecurity(name="x", policies=[policy("again", using=using, trusted=True)])

    assert "library.Book again" in str(caught.value)
    assert "trusted=True" in str(caught.value)
    assert list(trusted.reach(Book).reads()) == []


# Rows that are shared across tenants


class Branches:
    """A case of each of two tenants, of which one is flagged, and who looks at them."""

    def __init__(self):
        self.acme, self.bolt = people.tenant("acme"), people.tenant("bolt")
        self.viewer = people.user("viewer", tenant=self.acme, permissions=["office.view_case"])
        self.plain = people.user("plain", tenant=self.acme)
        self.boss = people.user("boss", tenant=self.acme, is_superuser=True)
        self.ours = people.make(Case(tenant=self.acme))
        self.hidden = people.make(Case(tenant=self.bolt))
        self.shown = people.make(Case(tenant=self.bolt, flag=True))


@pytest.fixture
def branches(db):
    return Branches()


def of_tenants(*policies):
    return (Case, RowSecurity(tenant="tenant", name="office_case_rls", policies=policies))


FLAGGED = Policy("flagged", command=SELECT, using=Q(flag=True), shared=True)
REST = Policy("rest", using=Q())


def test_a_shared_row_is_seen_across_tenants_by_who_holds_the_permission(branches):
    with declared(of_tenants(FLAGGED, REST)):
        assert seen(branches.viewer, Case, branches.acme) == {branches.ours.pk, branches.shown.pk}
        assert seen(branches.viewer, Case, branches.bolt) == {
            branches.hidden.pk,
            branches.shown.pk,
        }
        assert seen(branches.boss, Case, branches.acme) == {branches.ours.pk, branches.shown.pk}
        with pytest.raises(PermissionDenied):
            seen(branches.plain, Case, branches.acme)
        people.nothing_to_do()


def test_a_policy_that_is_not_shared_shows_no_row_of_another_tenant(branches):
    with declared(of_tenants(Policy("flagged", command=SELECT, using=Q(flag=True)), REST)):
        assert seen(branches.viewer, Case, branches.acme) == {branches.ours.pk}


def test_a_row_that_is_shared_to_be_seen_cannot_be_changed_or_made(branches):
    changer = people.user(
        "changer",
        tenant=branches.acme,
        permissions=["office.change_case", "office.delete_case", "office.add_case"],
    )
    shared = Policy("flagged", command=SELECT, using=Q(flag=True), shared=True)
    with declared(of_tenants(shared, REST)):
        with raw(changer) as cursor:
            cursor.execute("UPDATE office_case SET note = 'x'")
            changed = cursor.rowcount
            cursor.execute("DELETE FROM office_case WHERE flag")
            deleted = cursor.rowcount
        with pytest.raises(PermissionDenied), raw(changer) as cursor:
            cursor.execute("UPDATE office_case SET tenant_id = %s, flag = true", [branches.bolt.pk])
        with pytest.raises(PermissionDenied), raw(changer) as cursor:
            cursor.execute(
                "INSERT INTO office_case (tenant_id, flag, note) VALUES (%s, true, '')",
                [branches.bolt.pk],
            )

    assert (changed, deleted) == (1, 0)
    assert Case.objects.using(OWNER).get(pk=branches.ours.pk).tenant_id == branches.acme.pk


def test_what_is_shared_with_one_group_is_shared_with_no_other(branches):
    managers = people.group("Managers", "office.view_case")
    manager = people.user("manager", tenant=branches.acme, groups=[managers])
    shared = Policy(
        "flagged", command=SELECT, to=Group("Managers"), using=Q(flag=True), shared=True
    )
    with declared(of_tenants(shared, REST)):
        assert seen(manager, Case, branches.acme) == {branches.ours.pk, branches.shown.pk}
        assert seen(branches.viewer, Case, branches.acme) == {branches.ours.pk}


def test_the_floor_alone_shows_only_what_is_shared(branches, drop_policies):
    with declared(of_tenants(FLAGGED, REST)):
        with people.owner_cursor() as cursor:
            cursor.execute(
                'CREATE POLICY wide ON office_case FOR SELECT TO "{}" USING (true)'.format(
                    people.role("everyone")
                )
            )
        try:
            assert seen(branches.viewer, Case, branches.acme) == {
                branches.ours.pk,
                branches.shown.pk,
            }
        finally:
            with people.owner_cursor() as cursor:
                cursor.execute("DROP POLICY wide ON office_case")


def test_a_shared_policy_says_its_commands_and_is_permissive():
    with pytest.raises(ValueError, match="Say which are shared, as in command=SELECT"):
        Policy("all", using=Q(), shared=True)
    with pytest.raises(ValueError, match="restrictive"):
        Policy("all", using=Q(), shared=True, permissive=False, command=SELECT)


def test_shared_and_trusted_are_part_of_the_value():
    _, args, kwargs = FLAGGED.deconstruct()

    assert Policy(*args, **kwargs) == FLAGGED
    assert Policy("flagged", command=SELECT, using=Q(flag=True)) != FLAGGED
    assert policy("x", using=Q(), trusted=True) != policy("x", using=Q())


def test_a_second_left_join_finds_nothing_where_the_first_did_not(shelf):
    # PostgreSQL 18.6 joins the row all the same if the first key is a constant to it.
    people.make(Book(title="a", author=shelf.person, sequel_of=shelf.mine))
    using = ~Q(sequel_of__cover__book__title="mine")
    with declared((Book, [policy("not of mine", using=using, trusted=True)])):
        assert seen(shelf.reader, Book) == set(
            Book.objects.using(OWNER).values_list("pk", flat=True)
        )


def test_what_reads_for_a_trusted_policy_is_made_anew_when_a_column_changes_its_type(shelf):
    using = Q(author__name="me")
    name, longer = Person._meta.get_field("name"), CharField(max_length=30, null=True)
    longer.set_attributes_from_name("name")
    longer.model = Person
    with declared((Book, [policy("mine", using=using, trusted=True)])):
        before = functions()
        with connections[OWNER].schema_editor() as editor:
            editor.alter_field(Person, name, longer, strict=True)
        after, meanwhile = functions(), seen(shelf.reader, Book)
        with connections[OWNER].schema_editor() as editor:
            editor.alter_field(Person, longer, name, strict=True)
        people.sync()
        people.nothing_to_do()

    assert len(before) == 1
    assert after == before
    assert meanwhile == {shelf.mine.pk}


def functions():
    """The functions that policies of books read by, and who may call them."""
    with people.owner_cursor() as cursor:
        cursor.execute(
            "SELECT proname, proacl::text, obj_description(oid, 'pg_proc') FROM pg_proc"
            " WHERE proname LIKE 'read_library_book%'"
        )
        return cursor.fetchall()


def test_a_reader_that_a_hand_changed_is_written_anew(shelf):
    with declared((Book, [policy("mine", using=Q(author__name="me"), trusted=True)])):
        [name] = readers()
        with people.owner_cursor() as cursor:
            cursor.execute(
                f'CREATE OR REPLACE FUNCTION rls_perms."{name}"() RETURNS SETOF bigint'
                " LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
                " AS 'SELECT id FROM public.library_person'"
            )
        widened = seen(shelf.reader, Book)
        people.sync()

        assert widened == {shelf.mine.pk, shelf.yours.pk}
        assert seen(shelf.reader, Book) == {shelf.mine.pk}
        people.nothing_to_do()
