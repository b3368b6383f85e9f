"""The ``$batch`` of the SAP sandbox."""

import json

from tests.sandboxes.sap_gateway import (
    ORDERS,
    Gateway,
    batch,
    changeset,
    gateway,
    get_part,
    number_of,
    post_batch,
    write_part,
)


def test_batch_answers_part_by_part_and_isolates_failures(sap: Gateway) -> None:
    number = number_of(sap.create("BATCH"))
    answer = post_batch(
        sap, batch(get_part("A_SalesOrder('99999')"), get_part(f"{ORDERS}A_SalesOrder('{number}')?$select=SalesOrder"))
    )
    assert answer.status_code == 202
    first, second = answer.content.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"404")
    assert second.startswith(b"200")
    assert f'"SalesOrder":"{number}"'.encode() in second


def test_failing_changeset_is_one_error_part_that_names_the_culprit(sap: Gateway) -> None:
    number = number_of(sap.create("CHANGESET"))
    before = sap.books.census()["digest"]
    item = f"A_SalesOrderItem(SalesOrder='{number}',SalesOrderItem='10')"
    good = write_part("PATCH", item, '{"SalesDocumentRjcnReason":"61"}')
    bad = write_part("PATCH", item, '{"SalesDocumentRjcnReason":"99"}')
    answer = post_batch(sap, batch(changeset(good, bad), get_part(f"A_SalesOrder('{number}')")))
    first, second = answer.content.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"400")
    assert b'"ContentID":"2"' in first
    assert second.startswith(b"200")
    assert sap.books.census()["digest"] == before


def test_changeset_that_succeeds_answers_each_operation_with_its_content_id(sap: Gateway) -> None:
    number = number_of(sap.create("CHANGESET-2"))
    item = f"A_SalesOrderItem(SalesOrder='{number}',SalesOrderItem='10')"
    answer = post_batch(sap, batch(changeset(write_part("PATCH", item, '{"SalesDocumentRjcnReason":"61"}'))))
    assert b"HTTP/1.1 204" in answer.content
    assert b"content-id: 1" in answer.content
    assert sap.books.sales_order(number).rejected


def test_batch_with_bare_line_feeds_is_refused(sap: Gateway) -> None:
    content = batch(get_part("A_SalesOrder?$top=1")).replace(b"\r\n", b"\n")
    answer = post_batch(sap, content)
    assert answer.status_code == 400
    assert "CRLF" in answer.json()["error"]["message"]["value"]


def test_second_create_in_a_changeset_is_refused_by_a_switch() -> None:
    with gateway(one_create_per_changeset=True) as sap:
        create = write_part("POST", "A_SalesOrder", json.dumps(sap.order("PAIR")))
        answer = post_batch(sap, batch(changeset(create, create)))
        assert b"only one operation" in answer.content
        assert sap.books.census()["sales_orders"] == 0
