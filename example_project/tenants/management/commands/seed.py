"""Fill the database with three firms, the same ones each time."""

import random
from io import StringIO
from itertools import product

import factory.random
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections, transaction
from guardian.models import GroupObjectPermission, UserObjectPermission

from billing.factories import CustomerFactory, InvoiceFactory, InvoiceLineFactory
from office.factories import AttachmentFactory, CommentFactory, DocumentFactory, FileFactory
from tenants.factories import EmployeeFactory, TenantFactory, UserFactory
from tenants.groups import make_groups, permission
from tenants.models import Tenant, User

PASSWORD = "demo"  # noqa: S105 - of made-up people
FIRMS = {"north": "North & Daughters", "harbour": "Harbour Supplies", "mill": "Old Mill Press"}

# Name: groups, permissions held directly, other fields. Each firm has all of them.
STAFF = {
    "mona": (["Managers"], [], {}),
    "carl": (["Clerks"], [], {}),
    "clara": (["Clerks"], [], {}),
    "ada": (["Auditors"], [], {}),
    "abel": (["Auditors", "Clerks"], [], {}),
    "paul": ([], ["office.view_document", "billing.view_customer"], {}),
    "nina": ([], [], {}),
    "irma": (["Managers"], [], {"is_active": False}),
    "sam": ([], [], {"is_superuser": True}),
}


class Command(BaseCommand):
    help = "Fill the database with three made-up firms. Needs the owner's credentials."

    def add_arguments(self, parser):
        parser.add_argument("--database", default="owner", help="alias of the owner")
        parser.add_argument(
            "--size", type=int, default=100, help="documents of each firm, and in proportion"
        )

    def handle(self, *, database, size, **options):
        if database not in connections:
            raise CommandError(
                f"There is no alias {database!r} in DATABASES. Set FIRM_OWNER and "
                "FIRM_OWNER_PASSWORD to the owner's credentials, or name another --database."
            )
        if Tenant.objects.using(database).exists():
            raise CommandError("There are firms already. Seed an empty database.")
        factory.random.reseed_random("three firms")
        with transaction.atomic(using=database):
            people = Seed(database, size).run()
        # The groups are new, and so are their permissions.
        call_command("sync_pg_roles", stdout=StringIO())
        self.stdout.write(f"{len(FIRMS)} firms, {people} users, password {PASSWORD!r}")


class Seed:
    """Everything that is made, in bulk: factories make up the rows, the owner writes them."""

    def __init__(self, database, size):
        self.database = database
        self.size = size
        self.random = random.Random("three firms")  # noqa: S311 - not for secrets
        self.password = make_password(PASSWORD)

    def run(self):
        self.groups = make_groups(self.database)
        count = 0
        for slug, name in FIRMS.items():
            firm = self.make(TenantFactory, 1, slug=slug, name=name)[0]
            users = self.users(firm)
            self.office(firm, users)
            self.billing(firm, users)
            count += len(users)
        self.user("root", None, [], [], {"is_superuser": True})
        return count + 1

    def make(self, wanted, count, each=lambda number: {}, **same):
        """*count* rows of a factory; *each* gives the values of one by its number."""
        rows = [wanted.build(**same, **each(number)) for number in range(count)]
        return type(rows[0])._default_manager.using(self.database).bulk_create(rows)

    def users(self, firm):
        users = [self.user(f"{name}.{firm.slug}", firm, *about) for name, about in STAFF.items()]
        self.make(EmployeeFactory, len(users), lambda number: {"user": users[number]})
        return users

    def user(self, name, firm, groups, permissions, fields):
        first = name.partition(".")[0].title()
        user = UserFactory.build(
            username=name, tenant=firm, first_name=first, password=self.password, **fields
        )
        user.save(using=self.database)
        user.groups.set([self.groups[one] for one in groups])
        user.user_permissions.set([permission(one, self.database) for one in permissions])
        return user

    def office(self, firm, users):
        documents = self.make(
            DocumentFactory,
            self.size,
            lambda number: {
                "owner": self.random.choice(users),
                "is_public": self.random.random() < 0.15,
                "closed": self.random.random() < 0.2,
            },
            tenant=firm,
        )
        self.make(
            CommentFactory,
            3 * self.size,
            lambda number: {
                "document": self.random.choice(documents),
                "author": self.random.choice(users),
            },
        )
        files = self.make(
            FileFactory,
            self.size,
            lambda number: {"uploaded_by": self.random.choice(users)},
            tenant=firm,
        )
        pairs = self.random.sample([*product(documents, files)], self.size)
        self.make(
            AttachmentFactory,
            len(pairs),
            lambda number: {"document": pairs[number][0], "file": pairs[number][1]},
        )
        self.grants(documents, users, 0.2)
        self.grants(files, users, 0.1)

    def grants(self, rows, users, share):
        """Share some rows with a user and a group each, as assign_perm() does."""
        holders = [*users, User.objects.using(self.database).get(username="AnonymousUser")]
        groups = [*self.groups.values()]
        to_users, to_groups = {}, {}
        for row in self.random.sample(rows, int(len(rows) * share)):
            for _ in range(2):
                granted = self.granted(row)
                user, group = self.random.choice(holders), self.random.choice(groups)
                to_users[user.pk, granted["permission"].pk, row.pk] = UserObjectPermission(
                    user=user, **granted
                )
                to_groups[group.pk, granted["permission"].pk, row.pk] = GroupObjectPermission(
                    group=group, **granted
                )
        UserObjectPermission.objects.using(self.database).bulk_create(to_users.values())
        GroupObjectPermission.objects.using(self.database).bulk_create(to_groups.values())

    def granted(self, row):
        action = self.random.choice(["view", "view", "change", "delete"])
        meta = row._meta
        one = permission(f"{meta.app_label}.{action}_{meta.model_name}", self.database)
        return {"permission": one, "content_type_id": one.content_type_id, "object_pk": str(row.pk)}

    def billing(self, firm, users):
        customers = self.make(CustomerFactory, self.size, tenant=firm)
        invoices = self.make(
            InvoiceFactory,
            2 * self.size,
            lambda number: {
                "number": f"2026-{number + 1:04}",
                "customer": self.random.choice(customers),
                "made_by": self.random.choice(users),
                "state": self.random.choice(["draft", "sent", "paid"]),
            },
            tenant=firm,
        )
        self.make(
            InvoiceLineFactory,
            5 * self.size,
            lambda number: {"invoice": self.random.choice(invoices)},
        )
