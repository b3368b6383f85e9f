"""Seconds per sales order through the browser: by recording, against a hand-written Playwright script doing the same.

Both fill the same page of the same sandbox, log in once, keep their page, and take turns order by order::

    python -m tests.bench.bench_browser [--orders 20] [--lines 5]
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.async_api import Page, async_playwright

from tandem.channels.browser.chromium import executable, installed
from tandem.domain.sales_order import SALES_ORDER_CREATE, SalesOrder
from tests.sap_pages import PASSWORD, USER, VENDOR_SETTINGS, SapPages, attempt, sap_pages

TARGET = 1.25


async def measure(orders: int, lines: int) -> tuple[float, float]:
    """Median seconds per order: by recording, by hand."""
    async with sap_pages() as sap, async_playwright() as playwright:
        with tempfile.TemporaryDirectory() as folder:
            channel = sap.channel(Path(folder), timeout_s=10.0)
            path = executable(None, installed(playwright, headless=True))
            browser = await playwright.chromium.launch(executable_path=path, chromium_sandbox=os.geteuid() != 0)
            page = await browser.new_page()
            await _log_in(page, sap)
            recorded, written = [], []
            for number in range(orders + 1):
                one, other = (sap.order(f"{kind}-{number}", lines=lines) for kind in ("REC", "HAND"))
                started = time.perf_counter()
                await channel.perform(attempt(SALES_ORDER_CREATE, one))
                middle = time.perf_counter()
                await _create_by_hand(page, sap, other)
                recorded.append(middle - started)
                written.append(time.perf_counter() - middle)
            await channel.aclose()
            await browser.close()
    return statistics.median(recorded[1:]), statistics.median(written[1:])


async def _log_in(page: Page, sap: SapPages) -> None:
    await page.goto(f"{sap.url}/ui/login")
    await page.get_by_label("User").fill(USER)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log On").click()
    await page.get_by_role("heading", name="Home").wait_for()


async def _create_by_hand(page: Page, sap: SapPages, order: SalesOrder) -> str:
    await page.goto(f"{sap.url}/ui/sales-orders/new")
    await page.get_by_label("Order Type").fill(VENDOR_SETTINGS["order_type"])
    await page.get_by_label("Sales Organization").fill(VENDOR_SETTINGS["sales_organization"])
    await page.get_by_label("Distribution Channel").fill(VENDOR_SETTINGS["distribution_channel"])
    await page.get_by_label("Division").fill(VENDOR_SETTINGS["division"])
    await page.get_by_label("Sold-To Party").fill(order.sold_to_party)
    await page.get_by_label("Customer Reference").fill(order.external_reference)
    await page.get_by_label("Document Currency").fill(order.currency)
    await page.get_by_label("Requested Delivery Date").fill(str(order.requested_delivery_on))
    for index, line in enumerate(order.lines):
        await page.get_by_role("button", name="Add Item").click()
        row = page.locator("table.items tbody tr").nth(index)
        await row.get_by_label("Item").fill(str(line.line_number))
        await row.get_by_label("Material").fill(line.material)
        await row.get_by_label("Order Quantity").fill(str(line.quantity))
        await row.get_by_label("Unit").fill(line.unit)
        await row.get_by_label("Plant").fill(str(line.site))
        await row.get_by_label("Net Price").fill(str(line.net_price))
    await page.get_by_role("button", name="Save").click()
    toast = page.get_by_role("status")
    await toast.wait_for()
    return await toast.inner_text()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--orders", type=int, default=20)
    options.add_argument("--lines", type=int, default=5)
    given = options.parse_args()
    recorded, written = asyncio.run(measure(given.orders, given.lines))
    sys.stdout.write(
        f"by recording {recorded:.3f} s an order, by hand {written:.3f} s: "
        f"ratio {recorded / written:.2f} (target at most {TARGET})\n"
    )


if __name__ == "__main__":
    main()
