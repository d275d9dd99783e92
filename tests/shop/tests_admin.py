"""In the admin a denial is an error of the form or a message, and nothing is half done."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from goods.models import Line, Order, Remark

NONE = {"lines-TOTAL_FORMS": "0", "lines-INITIAL_FORMS": "0"}


@pytest.fixture
def client(shop):
    client = Client()
    client.force_login(shop.clerk)
    return client


@pytest.fixture(autouse=True)
def no_log(shop):
    LogEntry.objects.using("owner").all().delete()


def logged():
    return LogEntry.objects.using("owner").count()


def errors_of(response):
    return [str(one) for one in response.context["adminform"].form.non_field_errors()]


def messages_of(response):
    return [str(one) for one in response.context["messages"]]


def test_a_denied_change_is_an_error_of_the_form_with_what_was_typed(
    shop, client, atomic_requests, caplog
):
    order = shop.order(closed=True)
    address = f"/admin/goods/order/{order.pk}/change/"

    response = client.post(address, {"number": "typed", "state": "by hand", **NONE})

    assert response.status_code == 200
    assert errors_of(response) == [
        f"You may not change order {order.pk}: the database denied it. Nothing was saved."
    ]
    assert 'value="typed"' in response.content.decode()
    assert 'value="by hand"' in response.content.decode()
    assert shop.stored(Order, "number") == ["one"]
    assert logged() == 0
    assert [one.getMessage() for one in caplog.records if one.name == "rls_perms.denial"] == [
        f"PostgreSQL refused user {shop.clerk.pk} (role {shop.role('clerks')}): goods.Order "
        f"{order.pk} is shown and may not be changed (UPDATE). Nothing was changed. Grant the "
        "permission goods.change_order, to the user or for this object, or look at the policies "
        "of the model."
    ]


def test_a_change_that_is_allowed_is_saved(shop, client, atomic_requests):
    order = shop.order()

    response = client.post(
        f"/admin/goods/order/{order.pk}/change/", {"number": "two", "state": "sent", **NONE}
    )

    assert response.status_code == 302
    assert shop.stored(Order, "number") == ["two"]
    assert logged() == 1


@pytest.mark.parametrize("delete", [False, True])
def test_a_denied_inline_is_an_error_and_nothing_of_the_form_is_saved(
    shop, client, delete, atomic_requests
):
    order = shop.order()
    lines = [
        shop.make(Line, order_id=order.pk, text="open"),
        shop.make(Line, order_id=order.pk, text="closed", closed=True),
    ]
    data = {"number": "two", "state": "new", "lines-TOTAL_FORMS": "3", "lines-INITIAL_FORMS": "2"}
    for number, line in enumerate(lines):
        data |= {
            f"lines-{number}-id": line.pk,
            f"lines-{number}-order": order.pk,
            f"lines-{number}-text": f"typed {number}",
        }
    data |= {"lines-2-order": order.pk, "lines-2-text": "added", "lines-2-id": ""}
    data |= {"lines-1-closed": "on"} | ({"lines-1-DELETE": "on"} if delete else {})

    response = client.post(f"/admin/goods/order/{order.pk}/change/", data)

    action = "delete" if delete else "change"
    assert response.status_code == 200
    assert errors_of(response) == [
        f"You may not {action} line {lines[1].pk}: the database denied it. Nothing was saved."
    ]
    assert 'value="typed 0"' in response.content.decode()
    assert 'value="added"' in response.content.decode()
    assert shop.stored(Order, "number") == ["one"]
    assert shop.stored(Line, "text") == ["open", "closed"]
    assert logged() == 0


def test_a_denied_addition_is_an_error_of_the_form(shop, client, drop_add, atomic_requests):
    response = client.post("/admin/goods/order/add/", {"number": "typed", "state": "new", **NONE})

    assert response.status_code == 200
    assert errors_of(response) == [
        "You may not add order: the database denied it. Nothing was saved."
    ]
    assert 'value="typed"' in response.content.decode()
    assert shop.stored(Order, "number") == []


def test_a_denied_row_of_the_list_is_an_error_above_it(shop, client, atomic_requests):
    rows = [shop.order("one"), shop.order("two", closed=True)]
    data = {"form-TOTAL_FORMS": "2", "form-INITIAL_FORMS": "2", "_save": "Save"}
    for number, row in enumerate(rows):
        data |= {f"form-{number}-id": row.pk, f"form-{number}-state": f"typed {number}"}

    response = client.post("/admin/goods/order/", data)

    text = response.content.decode()
    assert response.status_code == 200
    assert f"You may not change order {rows[1].pk}: the database denied it" in text
    assert 'value="typed 0"' in text
    assert shop.stored(Order, "state") == ["new", "new"]
    assert logged() == 0


def test_a_list_that_is_allowed_is_saved(shop, client):
    row = shop.order()
    data = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "_save": "Save"}

    client.post("/admin/goods/order/", data | {"form-0-id": row.pk, "form-0-state": "sent"})

    assert shop.stored(Order, "state") == ["sent"]


def test_a_denied_deletion_is_a_message(shop, client, atomic_requests):
    order = shop.order(closed=True)

    response = client.post(f"/admin/goods/order/{order.pk}/delete/", {"post": "yes"}, follow=True)

    assert messages_of(response) == [
        f"You may not delete order {order.pk}: the database denied it. Nothing was saved."
    ]
    assert shop.stored(Order, "number") == ["one"]
    assert logged() == 0


def act(client, action, rows):
    data = {"action": action, "_selected_action": [row.pk for row in rows], "post": "yes"}
    return client.post("/admin/goods/order/", data, follow=True)


@pytest.mark.parametrize(("action", "verb"), [("delete_selected", "delete"), ("ship", "change")])
def test_an_action_tells_which_rows_were_denied_and_does_nothing(
    shop, client, action, verb, atomic_requests
):
    rows = [shop.order(f"{n}", closed=n > 0) for n in range(3)]

    response = act(client, action, rows)

    text = f"You may not {verb} order {{}}: the database denied it. Nothing was saved."
    keys = {text.format(f"{a.pk}, {b.pk}") for a, b in (rows[1:], rows[:0:-1])}
    assert keys & {*messages_of(response)}
    assert shop.stored(Order, "state") == ["new", "new", "new"]
    assert logged() == 0


def test_deleting_what_hangs_on_a_selected_row_is_told(shop, client):
    order = shop.order()
    line = shop.make(Line, order_id=order.pk, text="closed", closed=True)

    response = act(client, "delete_selected", [order])

    assert messages_of(response) == [
        f"You may not delete line {line.pk}: the database denied it. Nothing was saved."
    ]
    assert shop.stored(Order, "number") == ["one"]


@pytest.mark.parametrize(
    ("action", "left", "says"),
    [("delete_selected", [], "Successfully deleted"), ("ship", ["shipped"], "1 shipped")],
)
def test_an_action_that_is_allowed_is_done(shop, client, action, left, says, atomic_requests):
    response = act(client, action, [shop.order()])

    assert shop.stored(Order, "state") == left
    assert says in messages_of(response)[0]


def test_reading_what_is_closed_is_still_403(shop):
    client = Client()
    client.force_login(shop.nobody)

    assert client.get("/admin/goods/order/").status_code == 403


def test_djangos_own_admin_answers_403_to_a_change(shop, client):
    remark = shop.make(Remark, text="one", closed=True)

    response = client.post(f"/admin/goods/remark/{remark.pk}/change/", {"text": "typed"})

    assert response.status_code == 403
    assert shop.stored(Remark, "text") == ["one"]
