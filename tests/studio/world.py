"""Two tenants; each has somebody who works there, a client and a campaign for it."""

from tests import people
from tests.studio.models import Campaign, Client

ACTIONS = ("view", "add", "change", "delete")
EVERY = [f"studio.{one}_{model}" for model in ("client", "campaign", "poster") for one in ACTIONS]


class Studio:
    """ann works for acme, bob for bolt; the boss is a superuser without a tenant."""

    def __init__(self):
        self.acme, self.bolt = people.tenant("acme"), people.tenant("bolt")
        group = people.group("Clerks", *EVERY)
        self.ann = people.user("ann", tenant=self.acme, groups=[group], is_staff=True)
        self.bob = people.user("bob", tenant=self.bolt, groups=[group])
        self.boss = people.user("boss", is_superuser=True, is_staff=True)
        self.client = people.make(Client(tenant=self.acme, name="client of acme"))
        self.other = people.make(Client(tenant=self.bolt, name="client of bolt"))
        self.campaign = people.make(
            Campaign(tenant=self.acme, client=self.client, name="campaign of acme")
        )
        self.theirs = people.make(
            Campaign(tenant=self.bolt, client=self.other, name="campaign of bolt")
        )
        people.sync()
