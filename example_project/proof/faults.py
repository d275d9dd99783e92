"""
Put faults into a test database of the example, and print what became of each as JSON.

It needs the owner's credentials, since it makes a test database.
"""

import datetime
import json
import sys

from django.test.runner import DiscoverRunner
from guardian.shortcuts import assign_perm
from rls_perms.testing.injector import Injector

from billing.models import Customer, Invoice, InvoiceLine
from office.models import Attachment, Comment, Document, File
from proof import MODELS
from tenants.groups import make_groups, permission
from tenants.models import Employee, Tenant, User

#: Those who try: name, groups, permissions held directly.
PEOPLE = {
    "mona": (["Managers"], []),
    "carl": (["Clerks"], []),
    "ada": (["Auditors"], []),
    "abel": (["Auditors", "Clerks"], []),
    "paul": ([], ["office.view_document", "billing.view_customer", "office.delete_comment"]),
    "olga": ([], ["office.add_attachment", "office.change_attachment", "office.delete_file"]),
    "nina": ([], []),
}


class Firms:
    """Two firms with a few rows of each kind: every policy decides about some of them."""

    def __init__(self):
        self.groups = make_groups("default")
        self.north = Tenant.objects.create(name="North", slug="north")
        self.people = {name: self.person(name, *about) for name, about in PEOPLE.items()}
        self.sam = self.user("sam", self.north, is_superuser=True)
        self.fill(self.north, self.people)
        away = Tenant.objects.create(name="Harbour", slug="harbour")
        stranger = self.user("stranger", away)
        self.fill(away, dict.fromkeys(PEOPLE, stranger), few=True)

    def user(self, name, firm, **fields):
        made = User(username=name, tenant=firm, **fields)
        made.set_unusable_password()
        made.save()
        return made

    def person(self, name, groups, permissions):
        made = self.user(name, self.north)
        made.groups.set([self.groups[one] for one in groups])
        made.user_permissions.set([permission(one, "default") for one in permissions])
        return made

    def fill(self, firm, people, *, few=False):
        mona, carl, nina = (people[one] for one in ("mona", "carl", "nina"))
        for user in {mona, carl}:
            Employee.objects.create(tenant=firm, user=user, title="at work")

        def document(owner, **fields):
            return Document.objects.create(tenant=firm, owner=owner, title="text", **fields)

        def file(owner):
            return File.objects.create(tenant=firm, uploaded_by=owner, name="file", size=1)

        own, public = document(carl), document(mona, is_public=True)
        closed, secret = document(nina, closed=True), document(mona)
        mine, theirs = file(carl), file(mona)
        for one, author in ((own, carl), (public, nina), (secret, mona), (public, carl)):
            Comment.objects.create(document=one, author=author, text="said")
        for one, other in ((own, mine), (secret, theirs), (closed, theirs), (public, mine)):
            Attachment.objects.create(document=one, file=other)
        customer = Customer.objects.create(tenant=firm, name="customer", city="city")
        for number, (user, state) in enumerate(
            ((carl, "draft"), (carl, "paid"), (mona, "sent"), (mona, "paid"))
        ):
            invoice = Invoice.objects.create(
                tenant=firm,
                customer=customer,
                made_by=user,
                number=str(number),
                state=state,
                issued=datetime.date(2026, 1, 1),
            )
            InvoiceLine.objects.create(invoice=invoice, text="goods", unit_price=1)
        self.grant([own, public, closed, secret], [mine, theirs])

    def grant(self, documents, files):
        """To users and groups, of every action, where nothing else gives it."""
        own, public, closed, secret = documents
        mine, theirs = files
        anonymous = User.objects.get(username="AnonymousUser")
        clerks, auditors = self.groups["Clerks"], self.groups["Auditors"]
        for holder, action, row in (
            (self.people["nina"], "view", secret),
            (self.people["nina"], "change", public),
            (self.people["nina"], "delete", own),
            (clerks, "change", secret),
            (clerks, "delete", public),
            (clerks, "view", closed),
            (auditors, "change", own),
            (anonymous, "view", own),
            (anonymous, "change", secret),
            (anonymous, "delete", public),
            (self.people["nina"], "view", mine),
            (self.people["nina"], "change", theirs),
            (self.people["nina"], "delete", theirs),
            (clerks, "change", theirs),
            (clerks, "delete", theirs),
            (auditors, "change", mine),
            (anonymous, "view", mine),
            (anonymous, "delete", theirs),
            (anonymous, "change", mine),
        ):
            assign_perm(f"{row._meta.app_label}.{action}_{row._meta.model_name}", holder, row)

    def injector(self, models=None):
        """Everybody in the firm, and a superuser outside of it."""
        return Injector(
            list(MODELS) if models is None else models,
            users=[*self.people.values(), self.sam],
            tenants=[self.north],
            asks=lambda asker: asker.tenant is not None or asker.superuser,
        )


def main(*, labels=(), only="", verbose=False):
    """
    Every fault on the models of *labels*, all by default, with the floor and without it.

    With *only*, those of which the name begins so.
    """
    runner = DiscoverRunner(verbosity=0, interactive=False)
    databases = runner.setup_databases(aliases=["default"])
    found = []
    try:
        models = [one for one in MODELS if not labels or one._meta.label in labels]
        injector = Firms().injector(models)
        for without_floor in (False, True):
            wanted = injector.injected(
                lambda fault: fault.what.startswith(only), without_floor=without_floor
            )
            for one in wanted:
                found.append(one)
                if verbose:
                    print(one, one.changed, one.noticed or one.reason, file=sys.stderr)
    finally:
        runner.teardown_databases(databases)
    print(
        json.dumps(
            [
                [str(one.fault), one.without_floor, one.changed, one.noticed, one.reason]
                for one in found
            ]
        )
    )
