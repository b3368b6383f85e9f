"""The ``settings:`` of a Django-CRM system in tandem.yaml: what its pages call a deal that is an order."""

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Names as the pages show them to the user we log in as, so in that user's language.

    ``order_stages``: an open deal is an order in these stages, in others a draft. ``won_reasons``: a closed deal is an
    order if closed for one of these reasons, else it is cancelled. The defaults are Django-CRM's own, English and
    Chinese: the stages it counts as won or shipped.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    order_stages: tuple[str, ...] = Field(
        default=(
            "receiving the first payment",
            "shipment",
            "closed (successful)",
            "收到首笔付款",
            "发货",
            "已关闭（成功）",
        ),
        min_length=1,
    )
    won_reasons: tuple[str, ...] = Field(default=("The deal was closed successfully", "交易成功关闭"), min_length=1)
