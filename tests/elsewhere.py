"""The tests' settings with other engines, as a project writes that made a mistake."""

import json
import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, PROJECT

for alias, engine in json.loads(os.environ["RLS_PERMS_TEST_ENGINES"]).items():
    DATABASES[alias] |= {"ENGINE": engine}
    if "sqlite" in engine:
        DATABASES[alias] |= {"NAME": f"file:{PROJECT}?mode=memory", "OPTIONS": {}}
