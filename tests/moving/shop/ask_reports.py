"""Print what code without a request is shown: given to ``manage.py shell``."""

import json

from asgiref.sync import async_to_sync

from myapp import reports
from myapp.models import Tenant, User

acme, globex = Tenant.objects.order_by("pk")
alice, root = (User.objects.get(username=name) for name in ("alice", "root"))
answers = {
    "of Acme": reports.of_tenant(acme.pk),
    "of Globex, soon": async_to_sync(reports.soon_of_tenant)(globex.pk),
    "of all": reports.of_all(),
    "of all, soon": async_to_sync(reports.soon_of_all)(),
    "alice": reports.of_user(alice),
    "alice, soon": async_to_sync(reports.soon_of_user)(alice),
    "alice, by the manager": reports.by_manager(alice),
    "root": reports.of_user(root),
    "root, by the manager": reports.by_manager(root),
    "alice gives Acme": reports.give("Awl", acme.pk, alice),
    "alice gives Globex": reports.give("Awl", globex.pk, alice),
    "root gives Globex": reports.give("Awl", globex.pk, root),
}
print("ANSWERS", json.dumps(answers))
