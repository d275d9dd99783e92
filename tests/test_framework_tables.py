"""Statements on the framework's tables alone are the login's; all others are the user's."""

import datetime
import uuid

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.aggregates import ArrayAgg
from django.contrib.sessions.models import Session
from django.db import connection, models, transaction
from django.db.models import Count, Exists, F, Max, OuterRef, Prefetch, Q, Subquery, Value
from django.db.models.functions import Cast, Concat, JSONObject
from django.utils import timezone
from guardian.models import GroupObjectPermission, UserObjectPermission, UserObjectPermissionBase
from guardian.shortcuts import assign_perm, get_objects_for_user

from rls_perms import PermissionDenied, as_user
from rls_perms.framework import framework_tables
from tests import kept, people
from tests.office.models import Contract, Document, Room, Tag, Ticket, User

ACTIONS = ("view", "add", "change", "delete")


@pytest.fixture
def clerk(db):
    return kept.world(make_clerk)


def make_clerk():
    """A clerk with every permission, in a tenant with two documents and one of another."""
    tenant, other = people.tenant("acme"), people.tenant("bolt")
    # All that hangs on a user or a document, too, which deleting looks through.
    names = ("document", "ticket", "tag", "contract", "case", "project")
    clerks = people.group("Clerks", *(f"office.{a}_{n}" for a in ACTIONS for n in names))
    clerk = people.user("clerk", tenant=tenant, groups=[clerks], email="clerk@acme")
    bob = people.user("bob", tenant=tenant, email="bob@acme")
    people.make(Document(tenant=tenant, title="clerks", owner=clerk))
    people.make(Document(tenant=tenant, title="bobs", owner=bob))
    people.make(Document(tenant=other, title="foreign", owner=bob))
    return User.objects.using("owner").get(pk=clerk.pk)


@pytest.fixture
def inside(clerk):
    with as_user(clerk):
        yield clerk


def stored():
    return sorted(Document.objects.using("owner").values_list("title", flat=True))


def titles(queryset):
    return sorted(one.title for one in queryset)


class Counted:
    """The statements on "default" that reach the database inside."""

    def __enter__(self):
        self.queries = []
        self.wrapper = connection.execute_wrapper(self.note)
        self.wrapper.__enter__()
        return self.queries

    def __exit__(self, *error):
        self.wrapper.__exit__(*error)

    def note(self, execute, query, params, many, context):
        result = execute(query, params, many, context)
        self.queries.append(query)
        return result


# Raw SQL


@pytest.mark.parametrize(
    "query",
    [
        "SELECT password FROM office_user",
        "SELECT office_user FROM office_user",
        "SELECT count(*) FROM office_user WHERE password LIKE 'md5%'",
        "SELECT * FROM auth_group",
        "SELECT * FROM auth_permission",
        "SELECT * FROM auth_group_permissions",
        "SELECT * FROM office_user_groups",
        "SELECT * FROM office_user_user_permissions",
        "SELECT * FROM django_session",
        "SELECT * FROM django_admin_log",
        "SELECT * FROM guardian_userobjectpermission",
        "SELECT * FROM guardian_groupobjectpermission",
        "UPDATE office_user SET is_superuser = true",
        "UPDATE django_content_type SET model = 'x'",
        "DELETE FROM django_session",
        "INSERT INTO auth_group (name) VALUES ('x')",
        "INSERT INTO office_user_groups (user_id, group_id) SELECT 1, 1",
        "SELECT * FROM office_document JOIN auth_group ON true",
        "SELECT id FROM office_user FOR UPDATE",
        "TRUNCATE office_document",
        "COPY office_user TO STDOUT",
    ],
)
def test_raw_sql_neither_reads_nor_writes_the_framework(inside, query):
    with connection.cursor() as cursor, pytest.raises(PermissionDenied):
        cursor.execute(query)

    assert not User.objects.using("owner").filter(is_superuser=True).exists()
    assert stored() == ["bobs", "clerks", "foreign"]


def test_raw_sql_reads_what_joins_to_users_need(inside):
    with connection.cursor() as cursor:
        cursor.execute("SELECT username, email FROM office_user ORDER BY 1")
        rows = cursor.fetchall()

    assert rows == [("bob", "bob@acme"), ("clerk", "clerk@acme")]


def test_a_raw_queryset_is_raw_sql(inside):
    with pytest.raises(PermissionDenied, match="office_user"):
        list(User.objects.raw("SELECT * FROM office_user"))


# The framework alone


@pytest.mark.parametrize(
    "queryset",
    [
        lambda: User.objects.all(),
        lambda: User.objects.only("password"),
        lambda: User.objects.filter(groups__permissions__codename="view_document").distinct(),
        lambda: Group.objects.annotate(n=Count("user")).filter(n__gt=0),
        lambda: Permission.objects.select_related("content_type"),
        lambda: Session.objects.all(),
        lambda: LogEntry.objects.select_related("user", "content_type"),
        lambda: UserObjectPermission.objects.filter(user__username="bob"),
        lambda: GroupObjectPermission.objects.all(),
        lambda: ContentType.objects.all(),
        lambda: User.objects.values("username").union(Group.objects.values("name")),
        lambda: User.objects.filter(Exists(Group.objects.filter(user=OuterRef("pk")))),
    ],
)
def test_a_query_on_the_framework_alone_works(inside, queryset):
    asked = list(queryset())
    expected = list(queryset().using("owner"))

    assert asked == expected or set(map(str, asked)) == set(map(str, expected))


def test_the_framework_alone_is_written(inside):
    bob = User.objects.get(username="bob")
    bob.email = "new@acme"
    bob.save()
    bob.groups.add(Group.objects.create(name="Made"))
    Session.objects.create(session_key="key", session_data="x", expire_date=timezone.now())
    Session.objects.filter(session_key="key").update(session_data="y")
    assign_perm("office.view_document", bob, Document.objects.get(title="bobs"))

    assert User.objects.using("owner").get(groups__name="Made").email == "new@acme"
    assert Session.objects.using("owner").get().session_data == "y"
    assert UserObjectPermission.objects.using("owner").get().user == bob


def test_the_framework_alone_in_a_transaction_changes_the_role_and_back(inside):
    with transaction.atomic():
        before = titles(Document.objects.all())
        names = sorted(User.objects.values_list("username", flat=True))
        Group.objects.create(name="Made")
        after = titles(Document.objects.all())

    assert (before, after) == (["bobs", "clerks"], ["bobs", "clerks"])
    assert names == ["bob", "clerk"]


def test_iterators_of_the_framework_and_of_others_may_be_read_by_turns(inside):
    with transaction.atomic():
        users = User.objects.order_by("username").iterator(chunk_size=1)
        documents = Document.objects.order_by("title").iterator(chunk_size=1)
        read = [
            (user.username, user.password[:3], document.title)
            for user, document in zip(users, documents, strict=True)
        ]

    assert read == [("bob", "md5", "bobs"), ("clerk", "md5", "clerks")]


def test_an_iterator_without_a_transaction_reads_as_who_opened_it(inside):
    read = [one.title for one in Document.objects.order_by("title").iterator(chunk_size=1)]

    assert read == ["bobs", "clerks"]


def test_without_a_context_nothing_switches(clerk):
    with pytest.raises(PermissionDenied, match="without a context"):
        list(Document.objects.filter(owner__in=User.objects.all()))

    assert User.objects.count() == 2


# Joins to users


def test_joins_leave_the_password_out_and_it_is_read_when_asked_for(inside):
    documents = list(Document.objects.select_related("owner").order_by("title"))

    with Counted() as queries:
        names = [one.owner.username for one in documents]
    assert (names, queries) == (["bob", "clerk"], [])
    assert documents[0].owner.get_deferred_fields() == {"password"}
    assert documents[0].owner.check_password("secret")


def test_users_that_are_found_by_protected_rows_come_without_password(inside):
    found = User.objects.filter(document__title="bobs").get()

    assert found.get_deferred_fields() == {"password"}
    assert found.check_password("secret")


@pytest.mark.parametrize(
    ("queryset", "expected"),
    [
        (lambda all_: all_.filter(owner__username="bob"), ["bobs"]),
        (lambda all_: all_.exclude(owner__username="bob"), ["clerks"]),
        (lambda all_: all_.filter(Q(owner__email="bob@acme") | Q(title="clerks")), None),
        (lambda all_: all_.order_by("owner__username", "-owner__email"), None),
        (lambda all_: all_.annotate(name=F("owner__username")).filter(name="bob"), ["bobs"]),
        (lambda all_: all_.annotate(n=Count("owner__document")).filter(n=1), None),
        (lambda all_: all_.filter(owner__document__title="bobs"), ["bobs"]),
        (lambda all_: all_.distinct().select_related("owner", "tenant"), None),
        (lambda all_: all_.prefetch_related("owner__groups"), None),
        (
            lambda all_: all_.prefetch_related(
                Prefetch("owner", User.objects.filter(document__in=all_))
            ),
            None,
        ),
        (lambda all_: all_.filter(Exists(User.objects.filter(pk=OuterRef("owner")))), None),
        (
            lambda all_: all_.filter(
                Exists(User.objects.filter(document=OuterRef("pk"), username="bob"))
            ),
            ["bobs"],
        ),
        (
            lambda all_: all_.annotate(
                name=Subquery(User.objects.filter(pk=OuterRef("owner")).values("username"))
            ).filter(name="bob"),
            ["bobs"],
        ),
        (
            lambda all_: all_.filter(
                Exists(
                    Document.objects.filter(
                        Exists(User.objects.filter(pk=OuterRef("owner"), document=OuterRef("pk"))),
                        pk=OuterRef("pk"),
                        title="bobs",
                    )
                )
            ),
            ["bobs"],
        ),
    ],
)
def test_joins_by_columns_of_users_work(inside, queryset, expected):
    assert titles(queryset(Document.objects.all())) == (expected or ["bobs", "clerks"])


def test_values_and_aggregates_across_users_work(inside):
    values = list(Document.objects.order_by("title").values("title", "owner__username"))
    counts = list(
        User.objects.annotate(n=Count("document")).order_by("username").values_list("username", "n")
    )
    total = Document.objects.aggregate(n=Count("owner", distinct=True), last=Max("owner__username"))
    found = Document.objects.filter(owner__username="bob").in_bulk(field_name="pk").values()

    assert values == [
        {"title": "bobs", "owner__username": "bob"},
        {"title": "clerks", "owner__username": "clerk"},
    ]
    assert counts == [("bob", 1), ("clerk", 1)]
    assert total == {"n": 2, "last": "clerk"}
    assert titles(found) == ["bobs"]


def test_content_types_may_be_joined(inside):
    kinds = ContentType.objects.filter(model="document")
    found = Document.objects.annotate(kind=Subquery(kinds.values("model")[:1])).first()

    assert found.kind == "document"


@pytest.mark.parametrize(
    "queryset",
    [
        lambda: Document.objects.values("owner__password"),
        lambda: Document.objects.values_list("owner__password", flat=True),
        lambda: Document.objects.select_related("owner").only("title", "owner__password"),
        lambda: Document.objects.annotate(secret=F("owner__password")),
        lambda: Document.objects.filter(owner__password__startswith="md5"),
        lambda: Document.objects.order_by("owner__password"),
        lambda: User.objects.filter(document__title="bobs").values("password"),
        lambda: User.objects.filter(document__title="bobs").only("password"),
        lambda: Document.objects.annotate(
            secret=Subquery(User.objects.filter(pk=OuterRef("owner")).values("password"))
        ),
        lambda: Document.objects.values("title").union(
            User.objects.filter(document__title="bobs").values("password")
        ),
    ],
)
def test_a_password_that_is_named_through_a_join_is_denied(inside, queryset):
    with pytest.raises(PermissionDenied, match=r"office\.User.*password"):
        list(queryset())


# Subqueries that run first


@pytest.mark.parametrize(
    ("queryset", "expected"),
    [
        (lambda: {"owner__in": User.objects.filter(groups__name="Clerks")}, ["clerks"]),
        (lambda: {"owner__in": User.objects.filter(groups__name="None")}, []),
        (lambda: {"owner__in": User.objects.none()}, []),
        (lambda: {"owner__in": Group.objects.get(name="Clerks").user_set.all()}, ["clerks"]),
        (lambda: {"owner": User.objects.filter(username="bob").values("pk")[:1]}, ["bobs"]),
        (lambda: {"owner__username__in": Group.objects.values("name")}, []),
        (
            lambda: {
                "owner__in": User.objects.filter(
                    Exists(Group.objects.filter(user=OuterRef("pk"), name="Clerks"))
                )
            },
            ["clerks"],
        ),
        (
            lambda: {"owner__in": User.objects.order_by("-username").values("pk").distinct()[:1]},
            ["clerks"],
        ),
        (
            lambda: {
                "owner__in": User.objects.filter(username="bob")
                .values("pk")
                .union(User.objects.filter(username="none").values("pk"))
            },
            ["bobs"],
        ),
        (
            lambda: {
                "owner__in": User.objects.values("pk")
                .annotate(n=Count("groups"))
                .filter(n=1)
                .values("pk")
            },
            ["clerks"],
        ),
    ],
)
def test_a_subquery_of_its_own_on_the_framework_runs_first(inside, queryset, expected):
    assert titles(Document.objects.filter(**queryset())) == expected
    assert titles(Document.objects.using("server_side").filter(**queryset())) == expected


def test_a_subquery_runs_once_and_its_statement_once(inside):
    inner = User.objects.filter(groups__name="Clerks")

    with Counted() as queries:
        found = Document.objects.filter(owner__in=inner).count()

    assert found == 1
    assert len(queries) == 2


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (Max("username"), "clerk"),
        (Max("pk") * 0 + Value(7), 7),
        (Max("last_login"), None),
        (
            Max(Value(datetime.datetime(2024, 2, 29, 1, 2, 3, 4, datetime.UTC))),
            datetime.datetime(2024, 2, 29, 1, 2, 3, 4, datetime.UTC),
        ),
        (
            Max(Value(datetime.timedelta(days=400, microseconds=1))),
            datetime.timedelta(days=400, microseconds=1),
        ),
        (Max(Cast(Value("0.10"), models.DecimalField(max_digits=9, decimal_places=2))), None),
        (ArrayAgg("username", order_by="username"), ["bob", "clerk"]),
        (ArrayAgg("email", order_by="email"), ["bob@acme", "clerk@acme"]),
    ],
)
def test_values_of_a_subquery_keep_their_type(inside, expression, expected):
    inner = User.objects.order_by().values(one=Value(1)).annotate(x=expression).values("x")

    found = Document.objects.annotate(x=Subquery(inner)).order_by("title").first().x

    assert found == Document.objects.using("owner").annotate(x=Subquery(inner)).first().x
    assert expected is None or found == expected


@pytest.mark.parametrize(
    "value",
    [
        Value('it\'s %s \\ "quoted" {braces}, NULL'),
        Value(""),
        Value(None, models.CharField()),
        Value(uuid.UUID(int=7)),
        Value(b"\x00\xff", models.BinaryField()),
        Value(2.5),
        Value(True),
        JSONObject(a=Value("%"), b=Value(None, models.CharField())),
    ],
)
def test_any_value_of_a_subquery_stays_what_it_is(inside, value):
    inner = User.objects.filter(username="bob").annotate(x=value).values("x")
    queryset = Document.objects.annotate(x=Subquery(inner)).order_by("title")

    assert raw(queryset.first().x) == raw(queryset.using("owner").first().x)


def raw(value):
    return bytes(value) if isinstance(value, memoryview) else value


def test_a_union_of_the_framework_and_others_keeps_its_columns(inside):
    names = User.objects.values_list("username", flat=True)
    held = Document.objects.values_list("title", flat=True)

    first = list(names.union(held).order_by("username"))
    second = list(held.union(names).order_by("-title")[:3])
    common = list(held.intersection(names.annotate(t=Concat("username", Value("s"))).values("t")))

    assert first == ["bob", "bobs", "clerk", "clerks"]
    assert second == ["clerks", "clerk", "bobs"]
    assert sorted(common) == ["bobs", "clerks"]


def test_an_aggregate_over_a_mixed_query_works(inside):
    queryset = Document.objects.filter(owner__in=User.objects.filter(groups__name="Clerks"))

    counts = queryset.distinct().count(), queryset[:5].count(), queryset.union(queryset).count()

    assert counts == (1, 1, 1)


def test_an_aggregate_of_the_framework_over_others_works(inside):
    some = User.objects.filter(document__in=Document.objects.filter(title="bobs")).distinct()

    assert some.count() == 1
    assert some.aggregate(last=Max("username")) == {"last": "bob"}
    assert some.exists()


def test_get_objects_for_user_equals_what_is_shown(inside):
    bob = User.objects.get(username="bob")
    assign_perm("office.view_document", bob, Document.objects.get(title="clerks"))
    granted = titles(get_objects_for_user(bob, "office.view_document"))

    with as_user(bob):
        shown = titles(Document.objects.exclude(owner=bob))
        own = titles(get_objects_for_user(bob, "office.view_document"))

    assert granted == shown == own == ["clerks"]


@pytest.mark.parametrize("model", [Contract, Tag])
def test_get_objects_for_user_equals_what_is_shown_for_other_keys(inside, model):
    bob = User.objects.get(username="bob")
    tenant = {} if model is Tag else {"tenant_id": inside.tenant_id}
    names = [{"slug": one} for one in "ab"] if model is Tag else [{"title": one} for one in "ab"]
    rows = [people.make(model(**one, **tenant)) for one in names]
    assign_perm(f"office.view_{model._meta.model_name}", bob, rows[0])

    with as_user(bob):
        granted = get_objects_for_user(bob, f"office.view_{model._meta.model_name}")
        shown = model.objects.all()

        assert list(granted) == list(shown) == [rows[0]]


# Writing


def test_updates_may_choose_rows_by_users(inside):
    by_join = Document.objects.filter(owner__username="bob").update(title="by join")
    clerks = User.objects.filter(groups__name="Clerks")
    by_values = Document.objects.filter(owner__in=clerks).update(
        title=Subquery(Group.objects.filter(name="Clerks").values("name"))
    )
    by_self = Document.objects.filter(title="by join").update(
        title=Concat(F("title"), Value(" again"))
    )

    assert (by_join, by_values, by_self) == (1, 1, 1)
    assert stored() == ["Clerks", "by join again", "foreign"]


def test_deletes_may_choose_rows_by_users(inside):
    by_join, _ = Document.objects.filter(owner__username="bob").delete()
    by_values, _ = Document.objects.filter(
        owner__in=User.objects.filter(groups__name="Clerks")
    ).delete()

    assert (by_join, by_values) == (1, 1)
    assert stored() == ["foreign"]


def test_a_row_may_be_created_from_a_subquery_on_the_framework(inside):
    name = Subquery(Group.objects.filter(name="Clerks").values("name")[:1])

    made = Ticket.objects.create(title=name, tenant_id=inside.tenant_id)

    assert Ticket.objects.using("owner").get(pk=made.pk).title == "Clerks"


def test_a_field_prepares_its_value_no_more_often_than_in_plain_django(inside, monkeypatch):
    calls = []
    field = Ticket._meta.get_field("title")
    prepare = field.pre_save
    monkeypatch.setattr(field, "pre_save", lambda *a, **k: calls.append(1) or prepare(*a, **k))
    name = Subquery(Group.objects.filter(name="Clerks").values("name")[:1])

    Ticket.objects.create(title=name, tenant_id=inside.tenant_id)
    ours = len(calls)
    Ticket.objects.using("owner").create(title=name, tenant_id=inside.tenant_id)

    assert ours == len(calls) - ours


def test_bulk_writes_across_users_work(inside):
    rows = list(Document.objects.select_related("owner"))
    for row in rows:
        row.title = f"of {row.owner.username}"

    changed = Document.objects.bulk_update(rows, ["title"])

    assert changed == 2
    assert stored() == ["foreign", "of bob", "of clerk"]


def test_locks_are_taken_on_the_model_itself(inside):
    with transaction.atomic():
        locked = Document.objects.select_related("owner").select_for_update(of=("self",))

        assert titles(locked) == ["bobs", "clerks"]


def test_locks_on_users_through_a_join_are_denied_with_the_way_out(inside):
    joined = Document.objects.filter(owner__username="bob").select_related("owner")

    with transaction.atomic():
        with (
            pytest.raises(PermissionDenied, match=r"office\.User.*of=\('self',\)"),
            transaction.atomic(),
        ):
            list(joined.select_for_update())

        assert titles(joined) == ["bobs"]


def test_locks_on_users_alone_work(inside):
    with transaction.atomic():
        found = User.objects.select_for_update().get(username="bob")

    assert found.username == "bob"


def test_deleting_a_user_deletes_what_hangs_on_it_as_the_one_who_asks(inside):
    made = User.objects.create(username="gone", tenant_id=inside.tenant_id)
    gone = people.make(Document(tenant_id=inside.tenant_id, title="gone", owner_id=made.pk))
    assign_perm("office.view_document", made, gone)

    with transaction.atomic():
        made.delete()

    assert stored() == ["bobs", "clerks", "foreign"]
    assert not User.objects.using("owner").filter(username="gone").exists()
    assert UserObjectPermission.objects.using("owner").count() == 0


def test_explain_tells_of_the_statement_that_would_run(inside):
    mixed = Document.objects.filter(owner__in=User.objects.filter(groups__name="Clerks")).explain()
    alone = User.objects.explain()

    assert "office_document" in mixed
    assert "auth_group" not in mixed
    assert "office_user" in alone


def test_a_query_that_is_printed_while_another_runs_does_not_change_it(inside):
    def print_users(execute, *args):
        str(User.objects.all().query)
        return execute(*args)

    with connection.execute_wrapper(print_users):
        found = titles(Document.objects.all())

    assert found == ["bobs", "clerks"]


def test_a_query_that_runs_while_another_is_about_to_does_not_change_it(inside):
    done = []

    def ask_users(execute, *args):
        if not done:
            done.append(True)
            done.append(User.objects.count())
        return execute(*args)

    with connection.execute_wrapper(ask_users):
        found = titles(Document.objects.all())

    assert (found, done) == (["bobs", "clerks"], [True, 2])


# Mixes that cannot be split


@pytest.mark.parametrize(
    "queryset",
    [
        lambda: Document.objects.filter(owner__groups__name="Clerks"),
        lambda: Group.objects.filter(user__document__title="bobs"),
        lambda: Document.objects.filter(
            Exists(Group.objects.filter(user=OuterRef("owner"), name="Clerks"))
        ),
        lambda: Document.objects.annotate(
            n=Subquery(
                UserObjectPermission.objects.filter(user=OuterRef("owner")).values("object_pk")[:1]
            )
        ),
        lambda: Document.objects.filter(
            Exists(
                User.objects.filter(
                    Exists(
                        Group.objects.filter(user=OuterRef("pk"), name=OuterRef(OuterRef("title")))
                    )
                )
            )
        ),
        lambda: Group.objects.filter(name__in=Document.objects.values("title")),
        lambda: Session.objects.filter(session_key__in=Room.objects.values("name")),
        lambda: Document.objects.extra(tables=["auth_group"]),
        lambda: Document.objects.extra(where=["EXISTS (SELECT FROM auth_group)"]),
    ],
)
def test_any_other_mix_is_denied_with_a_hint(inside, queryset):
    with pytest.raises(PermissionDenied, match=r"subquery of its own|statements on them alone"):
        list(queryset())


def test_a_mix_that_writes_the_framework_is_denied(inside):
    found = User.objects.filter(document__title="bobs")

    with pytest.raises(PermissionDenied, match=r"office\.User.*UPDATE|framework"):
        found.update(is_superuser=True)

    assert not User.objects.using("owner").filter(is_superuser=True).exists()


def test_protected_rows_are_not_read_by_a_statement_of_the_login(inside):
    with pytest.raises(PermissionDenied, match="office_document"):
        list(User.objects.extra(where=["EXISTS (SELECT FROM office_document)"]))


# Which tables


def test_guardians_models_with_a_foreign_key_are_tables_of_the_framework():
    class DocumentGrant(UserObjectPermissionBase):
        content_object = models.ForeignKey(Document, models.CASCADE)

        class Meta(UserObjectPermissionBase.Meta):
            app_label = "office"

    framework_tables.cache_clear()
    try:
        names = framework_tables().names
    finally:
        del apps.all_models["office"]["documentgrant"]
        apps.clear_cache()
        framework_tables.cache_clear()

    assert "office_documentgrant" in names
    assert "office_document" not in names


def test_the_tables_of_the_framework_are_these():
    assert framework_tables().names == {
        "auth_group",
        "auth_group_permissions",
        "auth_permission",
        "django_admin_log",
        "django_content_type",
        "django_session",
        "guardian_groupobjectpermission",
        "guardian_userobjectpermission",
        "office_user",
        "office_user_groups",
        "office_user_user_permissions",
    }


def test_what_may_be_read_leaves_the_sensitive_fields_out():
    readable = framework_tables().readable

    assert readable.keys() == {"django_content_type", "office_user"}
    assert "username" in readable["office_user"]
    assert "password" not in readable["office_user"]
