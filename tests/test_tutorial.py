"""docs/tutorial.md: each of its steps works, and prints what the page says."""

import pytest
from django.conf import settings

from tests.pages import ROOT, blocks
from tests.reader import Reader

pytestmark = pytest.mark.slow(seconds=60)

#: Its database and roles, not its app.
WHERE = r'(?<=DATABASE )notes\b|(?<="NAME": ")notes\b|\bnotes(?=_(?:owner|web|everyone)\b)'


@pytest.fixture
def reader(tmp_path):
    reader = Reader(tmp_path, f"{settings.PROJECT}_tutorial", named="notes", where=WHERE)
    yield reader
    reader.leave()


def test_the_tutorial_prints_what_it_says(reader):
    reader.follow(blocks(ROOT / "docs" / "tutorial.md"))
