"""Evidence of a real page in trouble: the attempt ends, whatever the page does."""

from pathlib import Path

import pytest

from tandem.channels.browser.chromium import Chromium
from tandem.channels.browser.witness import Witness
from tandem.channels.library import Screens
from tandem.store.evidence import EvidenceStore

HANGS = "setTimeout(() => { while (true) {} })"


@pytest.mark.browser
@pytest.mark.slow
async def test_page_whose_script_never_ends_gives_no_evidence_and_holds_nothing_up(tmp_path: Path) -> None:
    chromium = Chromium(None, headless=True)
    witness = Witness("erp", EvidenceStore(tmp_path), Screens([], "browser"))
    try:
        context = await (await chromium.browser()).new_context()
        await context.tracing.start(snapshots=True)
        page = await context.new_page()
        await page.set_content("<input type=password value=secret>")
        shown = await witness.failure(page, None, traced=True)
        assert [evidence.kind for evidence in shown] == ["screenshot", "page_text", "trace"]
        await page.evaluate(HANGS)
        assert await witness.failure(page, None, traced=True) == ()
        await context.close()
    finally:
        await chromium.aclose()
