"""The failures of several channels, told as one."""

import pytest

from tandem import text
from tandem.domain.evidence import Evidence
from tandem.engine.failures import of_channels
from tandem.errors import NotOffered, TandemError, Unreachable

SHOT, PAGE = Evidence("screenshot", "a.png"), Evidence("page_text", "b.txt")


def both() -> TandemError:
    down = Unreachable("{system} does not answer.", system="erp", evidence=(PAGE,))
    bare = NotOffered("{what} is missing. Run: apt-get install -y xvfb", what="Xvfb", evidence=(SHOT,))
    return of_channels({"api": down, "desktop": bare}, "stock.check", "erp")


def test_failures_come_back_as_they_were_recorded() -> None:
    told = TandemError.restored(both().recorded())
    assert (type(told), told.recorded()) == (NotOffered, both().recorded())
    assert str(told) == (
        "No channel could carry stock.check on system erp. api: erp does not answer; "
        "desktop: Xvfb is missing. Run: apt-get install -y xvfb"
    )


def test_failures_are_told_in_the_language_of_the_reader_not_of_who_met_them() -> None:
    recorded = of_channels(
        {
            "api": NotOffered(
                "{operation} is offered on none of the channels of system {system}.", operation="x", system="erp"
            ),
            "browser": Unreachable("Down."),
        },
        "stock.check",
        "erp",
    ).recorded()
    before = text.language()
    text.use_language("zh")
    try:
        assert str(TandemError.restored(recorded)) == (
            "没有任何通道能在系统 erp 上执行 stock.check。 api: x 在系统 erp 的任何通道上都不提供; browser: Down."
        )
    finally:
        text.use_language(before)


def test_evidence_of_every_channel_is_kept() -> None:
    assert both().evidence == (PAGE, SHOT)


@pytest.mark.parametrize("failure", [Unreachable("Down."), NotOffered("No display.")])
def test_failure_of_a_single_channel_stays_as_it_is(failure: TandemError) -> None:
    assert of_channels({"api": failure}, "stock.check", "erp") is failure  # type: ignore[dict-item]
