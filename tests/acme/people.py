"""Two tenants, their documents and their users: made when README.md was followed."""

from django.contrib.auth.models import Group, Permission
from guardian.shortcuts import assign_perm
from rls_perms import as_system

from documents.models import Document
from tenants.models import Tenant, User

acme, globex = (Tenant.objects.using("owner").create(name=name) for name in ("Acme", "Globex"))
clerks = Group.objects.using("owner").create(name="Clerks")
clerks.permissions.set(
    Permission.objects.using("owner").filter(codename__in=["view_document", "change_document"])
)
people = {}
for name, tenant in (("clerk", acme), ("ann", acme), ("gil", globex)):
    people[name] = User(username=name, tenant=tenant)
    people[name].set_unusable_password()
    people[name].save(using="owner")
people["clerk"].groups.add(clerks)
for title, name in (("Contract", "clerk"), ("Invoice", "clerk"), ("Offer", "ann"), ("Plan", "gil")):
    owner = people[name]
    Document.objects.using("owner").create(title=title, owner=owner, tenant=owner.tenant)
with as_system(reason="a first grant"):
    offer = Document.objects.get(title="Offer")
    assign_perm("documents.view_document", User.objects.get(username="ann"), offer)
