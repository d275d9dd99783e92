"""Print what each user is shown at each address: given to ``manage.py shell``."""

import json

from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import get_resolver

answers = {}
users = get_user_model().objects.exclude(username="AnonymousUser")  # guardian's own row
for user in [*users.order_by("username"), None]:
    client = Client(raise_request_exception=False)
    if user is not None:
        client.force_login(user)
    for pattern in get_resolver().url_patterns:
        response = client.get(f"/{pattern.pattern}")
        said = response.json() if response.status_code == 200 else response.status_code
        answers[f"{user or 'nobody'} /{pattern.pattern}"] = said
print("ANSWERS", json.dumps(answers))
