"""Denials of rows with parents, with keys of several columns, and with what hangs on them."""

import asyncio

import pytest
from rls_perms import PermissionDenied, as_user

from goods.models import Bargain, Express, Line, Order, Parcel, Remark, Seat


@pytest.mark.parametrize(
    ("closed", "model"), [({"sealed": True}, Express), ({"closed": True}, Parcel)]
)
def test_saving_a_child_names_the_table_that_denied(shop, closed, model):
    row = shop.make(Express, **closed)
    row.hours = row.weight = 9

    with as_user(shop.clerk), pytest.raises(PermissionDenied) as told:
        row.save()

    assert (told.value.model, told.value.action, told.value.key) == (model, "change", row.pk)
    assert (shop.stored(Express, "hours"), shop.stored(Parcel, "weight")) == ([1], [1])


@pytest.mark.parametrize(
    ("closed", "model"), [({"sealed": True}, Express), ({"closed": True}, Parcel)]
)
def test_deleting_a_child_names_the_table_that_denied(shop, closed, model):
    row = shop.make(Express, **closed)

    with as_user(shop.clerk), pytest.raises(PermissionDenied) as told:
        row.delete()

    assert (told.value.model, told.value.action, told.value.key) == (model, "delete", row.pk)
    assert (shop.stored(Express, "hours"), shop.stored(Parcel, "weight")) == ([1], [1])


def test_deleting_a_parent_names_the_child_that_may_not_go(shop):
    child = shop.make(Express, sealed=True)

    with as_user(shop.clerk), pytest.raises(PermissionDenied) as told:
        Parcel.objects.get().delete()

    assert (told.value.model, told.value.key) == (Express, child.pk)
    assert shop.stored(Parcel, "weight") == [1]


def test_bulk_update_of_children_names_those_whose_parents_may_not_be_changed(shop):
    rows = [shop.make(Express, closed=n == 1) for n in range(3)]
    for row in rows:
        row.weight = 9

    with as_user(shop.clerk), pytest.raises(PermissionDenied) as told:
        Express.objects.bulk_update(rows, ["weight"])

    assert (told.value.model, told.value.keys) == (Parcel, (rows[1].pk,))
    assert shop.stored(Parcel, "weight") == [1, 1, 1]


@pytest.mark.parametrize("options", [{}, {"update_fields": ["label"]}, {"force_update": True}])
def test_saving_a_row_with_a_key_of_two_columns(shop, options):
    row = shop.make(Seat, row="a", number=1, closed=True)
    row.label = "changed"

    with as_user(shop.clerk), pytest.raises(PermissionDenied, match=r"\('a', 1\)") as told:
        row.save(**options)

    assert (told.value.model, told.value.action, told.value.key) == (Seat, "change", ("a", 1))
    assert told.value.sqlstate is None
    assert shop.stored(Seat, "label") == ["new"]


def test_deleting_a_row_with_a_key_of_two_columns(shop):
    row = shop.make(Seat, row="a", number=1, closed=True)
    other = shop.make(Seat, row="a", number=2)

    with as_user(shop.clerk), pytest.raises(PermissionDenied) as told:
        row.delete()
    with as_user(shop.clerk):
        other.delete()

    assert told.value.key == ("a", 1)
    assert shop.stored(Seat, "number") == [1]


def test_bulk_update_of_rows_with_keys_of_two_columns(shop):
    rows = [shop.make(Seat, row="a", number=n, closed=n == 2) for n in range(3)]
    for row in rows:
        row.label = "changed"

    with as_user(shop.clerk):
        with pytest.raises(PermissionDenied) as told:
            Seat.objects.bulk_update(rows, ["label"])
        changed = Seat.objects.bulk_update(rows[:2], ["label"])

    assert told.value.keys == (("a", 2),)
    assert changed == 2
    assert shop.stored(Seat, "label") == ["changed", "changed", "new"]


def test_what_goes_with_a_row_and_may_not_is_named(shop):
    order = shop.order()
    shop.make(Line, order_id=order.pk, text="open")
    line = shop.make(Line, order_id=order.pk, text="closed", closed=True)

    with as_user(shop.clerk), pytest.raises(PermissionDenied) as told:
        order.delete()

    assert (told.value.model, told.value.action, told.value.key) == (Line, "delete", line.pk)
    assert shop.stored(Line, "text") == ["open", "closed"]
    assert shop.stored(Order, "number") == ["one"]


def test_what_would_lose_its_row_and_may_not_be_changed_is_named(shop):
    order = shop.order()
    shop.make(Remark, order_id=order.pk, text="open")
    remark = shop.make(Remark, order_id=order.pk, text="closed", closed=True)

    with as_user(shop.clerk), pytest.raises(PermissionDenied) as told:
        order.delete()

    assert (told.value.model, told.value.action, told.value.key) == (Remark, "change", remark.pk)
    assert shop.stored(Remark, "order_id") == [order.pk, order.pk]


def test_a_row_that_may_go_takes_everything_with_it(shop):
    order = shop.order()
    shop.make(Line, order_id=order.pk, text="open")
    shop.make(Remark, order_id=order.pk, text="open")

    async def ask():
        async with as_user(shop.clerk):
            return await order.adelete()

    deleted = asyncio.run(ask())

    assert deleted == (2, {"goods.Line": 1, "goods.Order": 1})
    assert shop.stored(Remark, "order_id") == [None]


@pytest.mark.parametrize("change", [Bargain.save, Bargain.delete])
def test_a_proxy_is_as_loud_as_its_model(shop, change):
    shop.order(closed=True)

    with as_user(shop.clerk), pytest.raises(PermissionDenied) as told:
        change(Bargain.objects.get())

    assert told.value.model is Order
    assert shop.stored(Order, "number") == ["one"]


def test_bulk_update_of_proxies_is_loud(shop):
    shop.order(closed=True)

    with as_user(shop.clerk), pytest.raises(PermissionDenied, match=r"goods\.Order"):
        Bargain.objects.bulk_update(list(Bargain.objects.all()), ["number"])
