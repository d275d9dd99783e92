"""Two tenants, their orders, and users: given to ``manage.py shell``."""

from django_rls_tenants import admin_context

from library.models import Book
from myapp.models import Customer, Label, Labelling, Note, NoteShare, Order, Tenant, User

with admin_context():
    for name, username, titles in (
        ("Acme", "alice", ("Anvil", "Axle")),
        ("Globex", "bob", ("Bolts",)),
    ):
        tenant = Tenant.objects.create(name=name)
        User.objects.create_user(username, tenant=tenant)
        label = Label.objects.create(name=f"{name}'s", tenant=tenant)
        Book.objects.create(title=f"{name}'s book", tenant=tenant)
        customer = Customer.objects.create(name=f"{name}'s customer", tenant=tenant)
        for title in titles:
            order = Order.objects.create(title=title, customer=customer, tenant=tenant)
            order.labels.add(label)
        note = Note.objects.create(text=f"{name} only", tenant=tenant)
        Labelling.objects.create(note=note, label=label)
    acme, globex = Tenant.objects.order_by("pk")
    shared = Note.objects.create(text="Acme for Globex", tenant=acme)
    NoteShare.objects.create(note=shared, tenant=acme, shared_with=globex)
    User.objects.create_superuser("root")
