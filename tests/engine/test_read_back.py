"""What a read-back says of a change, where other documents carry the same reference."""

import pytest

from tandem.domain.sales_order import (
    SALES_ORDER_CANCEL,
    SALES_ORDER_CONFIRM,
    SalesOrderCancel,
    SalesOrderConfirm,
    SalesOrderDocument,
    SalesOrdersFound,
)
from tandem.engine.read_back import judge
from tandem.errors import DocumentNotFound
from tests.engine.vendor import order

CANCELLED_BEFORE = SalesOrderDocument(sales_order_id="1", order=order("R-1"), cancelled=True)
DRAFT = SalesOrderDocument(sales_order_id="#2", order=order("R-1"), draft=True)
NUMBERED = SalesOrderDocument(sales_order_id="7", draft_id="#2", order=order("R-1"))


def found(*documents: SalesOrderDocument) -> SalesOrdersFound:
    return SalesOrdersFound(documents=documents)


def test_change_is_judged_by_its_own_document_not_by_an_older_one() -> None:
    request = SalesOrderConfirm(external_reference="R-1", sales_order_id="#2")
    assert judge(SALES_ORDER_CONFIRM, request, found(CANCELLED_BEFORE, DRAFT)).kind == "absent"
    verdict = judge(SALES_ORDER_CONFIRM, request, found(CANCELLED_BEFORE, NUMBERED))
    assert (verdict.kind, verdict.documents) == ("equal", (NUMBERED,))


def test_order_that_was_numbered_meanwhile_is_still_to_be_cancelled() -> None:
    request = SalesOrderCancel(external_reference="R-1", sales_order_id="#2")
    assert judge(SALES_ORDER_CANCEL, request, found(NUMBERED)).kind == "absent"


def test_change_of_a_document_that_is_not_there_is_not_done() -> None:
    request = SalesOrderCancel(external_reference="R-1", sales_order_id="9")
    with pytest.raises(DocumentNotFound):
        judge(SALES_ORDER_CANCEL, request, found(CANCELLED_BEFORE, NUMBERED))


def test_order_that_was_cancelled_does_not_count_as_confirmed() -> None:
    request = SalesOrderConfirm(external_reference="R-1", sales_order_id="1")
    assert judge(SALES_ORDER_CONFIRM, request, found(CANCELLED_BEFORE)).kind == "absent"
