"""A user with add alone uses forms, formsets and the admin; run by tests/test_nasty.py."""

import pytest
from django.db import transaction
from django.forms import inlineformset_factory, modelform_factory, modelformset_factory
from django.test import Client

from rls_perms import as_user
from tests.nasty.models import Firm, Line, Token, Word
from tests.nasty.world import OWNER, make, person, sync_roles

pytestmark = pytest.mark.usefixtures("db")

LineFormSet = inlineformset_factory(Token, Line, fields=["text"], extra=2)


class Office:
    def __init__(self):
        self.firm = make(Firm(code="acme"))
        adds = ["add_token", "add_line", "add_word"]
        self.ann = person("ann", firm=self.firm, permissions=adds, is_staff=True)
        self.bob = person("bob", firm=self.firm, permissions=adds, is_staff=True)
        sync_roles()


@pytest.fixture
def office(db):
    return Office()


def lines(*texts, initial=(), **more):
    """What a browser sends of an inline formset called line_set."""
    data = {
        "line_set-TOTAL_FORMS": str(len(initial) + len(texts)),
        "line_set-INITIAL_FORMS": str(len(initial)),
        "line_set-MIN_NUM_FORMS": "0",
        "line_set-MAX_NUM_FORMS": "1000",
    }
    for number, line in enumerate(initial):
        data |= {f"line_set-{number}-id": str(line.pk), f"line_set-{number}-text": line.text}
        data[f"line_set-{number}-token"] = str(line.token_id)
    for number, text in enumerate(texts, start=len(initial)):
        data |= {f"line_set-{number}-id": "", f"line_set-{number}-text": text}
    return {**data, **more}


def texts(user):
    with as_user(user):
        return sorted(Line.objects.values_list("text", flat=True))


def test_a_model_form_makes_and_then_edits_what_it_made(office):
    form_class = modelform_factory(Token, fields=["firm", "note"])
    with as_user(office.ann):
        made = form_class({"firm": "acme", "note": "one"}).save()
        form_class({"firm": "acme", "note": "two"}, instance=Token.objects.get()).save()

        assert Token.objects.get() == made
        assert Token.objects.get().note == "two"


def test_a_formset_makes_many(office):
    formset_class = modelformset_factory(Word, fields=["word"], extra=2)
    data = {"form-TOTAL_FORMS": "2", "form-INITIAL_FORMS": "0"}
    data |= {"form-0-word": "one", "form-1-word": "two"}
    with as_user(office.ann):
        formset_class(data, queryset=Word.objects.none()).save()

        assert sorted(Word.objects.values_list("word", flat=True)) == ["one", "two"]
    with as_user(office.bob):
        assert not Word.objects.exists()


def test_an_inline_formset_makes_edits_and_deletes_in_one_transaction(office):
    with as_user(office.ann), transaction.atomic():
        token = Token.objects.create(firm=office.firm)
        first = LineFormSet(lines("a", "b"), instance=token)
        assert first.is_valid(), first.errors
        first.save()
        made = list(token.line_set.order_by("text"))
        more = {"line_set-0-text": "edited", "line_set-1-DELETE": "on"}
        second = LineFormSet(lines("c", initial=made, **more), instance=token)
        assert second.is_valid(), second.errors
        second.save()

    assert texts(office.ann) == ["c", "edited"]
    assert texts(office.bob) == []


@pytest.fixture
def client(office):
    made = Client()
    made.force_login(office.ann)
    return made


def test_the_page_to_add_shows_its_inlines(client):
    response = client.get("/admin/nasty/token/add/")

    assert response.status_code == 200
    assert b"line_set-1-text" in response.content


def test_the_admin_adds_a_row_and_its_inlines(office, client):
    data = lines("a", "b", firm="acme", note="by admin")
    response = client.post("/admin/nasty/token/add/", data)

    assert response.status_code == 302, response.context["errors"]
    assert texts(office.ann) == ["a", "b"]
    with as_user(office.ann):
        assert Token.objects.get().note == "by admin"
    assert texts(office.bob) == []


def test_an_invalid_inline_leaves_nothing(office, client):
    response = client.post("/admin/nasty/token/add/", lines("x" * 30, firm="acme", note="n"))

    assert response.status_code == 200
    assert not Token.objects.using(OWNER).exists()
