"""The books of the SAP sandbox: promises, units of work, proofs."""

from datetime import date
from decimal import Decimal

import pytest

from fixtures.retail import Retail, RetailCustomer, RetailProduct
from fixtures.sap_s4hana.books import Books
from fixtures.sap_s4hana.masters import BLOCK_REASON
from fixtures.sap_s4hana.messages import SapRefusal
from fixtures.sap_s4hana.sales_order import ItemRequest, OrderRequest, SalesOrder
from fixtures.sap_s4hana.stock import UNLIMITED

LAMP, CUP = "22114", "85123A"


@pytest.fixture
def books() -> Books:
    return Books.of(
        Retail(
            orders=(),
            customers=tuple(RetailCustomer(str(number), f"Customer {number}", "UK") for number in range(12000, 12200)),
            products=(
                RetailProduct(LAMP, "LAMP", Decimal("3.25")),
                RetailProduct("85123a", "CUP", Decimal("1.005")),
                RetailProduct("D", "Discount", Decimal(1)),
                RetailProduct("gift_0001_20", "Voucher", Decimal(20)),
            ),
            stock={LAMP: Decimal(10), CUP: Decimal(5)},
        )
    )


def customer(books: Books, *, blocked: bool = False) -> str:
    return next(customer.number for customer in books.customers.values() if bool(customer.order_block) == blocked)


def create(books: Books, reference: str, *items: tuple[str, int]) -> SalesOrder:
    requests = tuple(ItemRequest(material, Decimal(quantity)) for material, quantity in items)
    return books.create_sales_order(OrderRequest(customer(books), requests, reference=reference))


def test_goods_and_carriage_are_materials_and_corrections_are_not(books: Books) -> None:
    assert set(books.materials) == {LAMP, CUP, "POST", "DOT", "C2"}
    for code in ("D", "gift_0001_20", "BANK CHARGES"):
        with pytest.raises(SapRefusal, match="is not defined for sales org") as refused:
            books.material(code)
        assert refused.value.code == "V1/382"


def test_material_code_is_taken_in_any_case_and_shown_in_upper_case(books: Books) -> None:
    assert create(books, "A", ("85123a", 1)).items[10].material == CUP


def test_material_twice_in_one_order_is_promised_once(books: Books) -> None:
    order = create(books, "A", (CUP, 4), (CUP, 4))
    assert [item.confirmed for item in order.items.values()] == [4, 1]
    assert books.availability(CUP, "1710") == 0


def test_carriage_is_available_without_limit(books: Books) -> None:
    create(books, "A", ("POST", 1_000_000))
    assert books.availability("POST", "1710") == UNLIMITED


def test_rejected_order_frees_its_promises_and_may_be_promised_again(books: Books) -> None:
    order = create(books, "A", (LAMP, 8))
    books.reject_items(order.number, "61")
    assert (order.rejected, order.rejection_status, books.availability(LAMP, "1710")) == (True, "C", 10)
    create(books, "B", (LAMP, 7))
    books.change_items(order.number, {10: {"rejection_reason": ""}})
    assert (order.items[10].confirmed, books.availability(LAMP, "1710")) == (3, 0)


def test_refused_order_promises_nothing_and_takes_no_number(books: Books) -> None:
    with pytest.raises(SapRefusal):
        create(books, "A", (LAMP, 2), ("NOPE", 1))
    assert books.availability(LAMP, "1710") == 10
    assert create(books, "B", (LAMP, 1)).number == "1"


def test_blocked_customer_takes_no_orders(books: Books) -> None:
    number = customer(books, blocked=True)
    with pytest.raises(SapRefusal) as refused:
        books.create_sales_order(OrderRequest(number, (ItemRequest(LAMP, Decimal(1)),)))
    assert refused.value.message.variables == (number, BLOCK_REASON)
    assert "冻结" in refused.value.text("zh")


def test_amounts_are_rounded_to_the_cent_per_item(books: Books) -> None:
    order = create(books, "A", (CUP, 1), (CUP, 1), (LAMP, 3))
    assert [str(item.net_amount) for item in order.items.values()] == ["1.01", "1.01", "9.75"]
    assert order.net_amount == Decimal("11.77")


def test_price_for_a_hundred_pieces_is_divided(books: Books) -> None:
    item = ItemRequest(LAMP, Decimal(3), price=Decimal("12.50"), per=Decimal(100))
    order = books.create_sales_order(OrderRequest(customer(books), (item,)))
    assert order.net_amount == Decimal("0.38")


def test_changes_within_a_millisecond_have_different_timestamps(books: Books) -> None:
    stamps = [create(books, "A", (LAMP, 1)).changed_at for _ in range(20)]
    assert len(set(stamps)) == 20
    assert stamps == sorted(stamps)


def test_orders_are_found_by_reference_customer_and_change(books: Books) -> None:
    first, second = create(books, "A", (LAMP, 1)), create(books, "A", (LAMP, 1))
    books.change_header(first.number, {"reference": "B", "requested_on": date(2026, 12, 1)})
    assert books.find_sales_orders(reference="A") == [second]
    assert books.find_sales_orders(reference="B", sold_to=first.sold_to.zfill(10)) == [first]
    assert books.find_sales_orders(changed_since=second.changed_at) == [first]


def change_everything_and_fail(books: Books) -> None:
    with books.unit_of_work():
        books.delete_sales_order("1")
        books.change_items("2", {10: {"quantity": Decimal(9)}})
        books.change_header("3", {"reference": "Z"})
        create(books, "D", (CUP, 1))
        books.delete_sales_order("99")


def test_failed_unit_of_work_leaves_the_books_as_they_were(books: Books) -> None:
    for reference in "ABC":
        create(books, reference, (LAMP, 4))
    before, promised = books.census(), dict(books.stock.promised)
    with pytest.raises(SapRefusal, match="99"):
        change_everything_and_fail(books)
    assert books.census() == before
    assert {code: quantity for code, quantity in books.stock.promised.items() if quantity} == promised
    assert [order.number for order in books.sales_orders()] == ["1", "2", "3"]
    assert books.find_sales_orders(reference="Z") == []


def test_lock_of_another_user_refuses_a_change_and_ones_own_does_not(books: Books) -> None:
    order = create(books, "A", (LAMP, 1))
    books.lock(order.number, "CLERK")
    with pytest.raises(SapRefusal, match="CLERK"):
        books.reject_items(order.number, "61")
    books.reject_items(order.number, "61", user="CLERK")
    assert order.rejected


def test_duplicates_count_standing_orders_of_one_reference(books: Books) -> None:
    for reference in ("A", "A", "B", "", ""):
        create(books, reference, (LAMP, 1))
    assert books.duplicates() == {"A": ["1", "2"]}
    books.reject_items("1", "61")
    assert books.duplicates() == {}
