"""The ``webhooks:`` and ``server:`` of tandem.yaml."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from tandem.triggers.duration import Duration

WebhookName = Annotated[str, Field(pattern=r"^[\w-]+$")]
Path = Annotated[str, Field(pattern=r"^[^.\s]+(\.[^.\s]+)*$")]


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HmacProof(_Block):
    """Standard Webhooks: HMAC-SHA256 over id, timestamp and body. ``window``: how old a message may be.

    ``previous_secret`` is taken too, while a sender changes over to a new one.
    """

    kind: Literal["hmac"]
    secret: SecretStr
    previous_secret: SecretStr | None = None
    window: Duration = timedelta(minutes=5)


class VendorProof(_Block):
    """The vendor's own way, with ``settings`` validated by the vendor's own model.

    ``key``: what the address must end with, as in ``?key=…``; for vendors that sign nothing. ``previous_key`` is taken
    too, while it is changed.
    """

    kind: Literal["vendor"]
    vendor: str
    key: SecretStr | None = None
    previous_key: SecretStr | None = None
    settings: dict[str, Any] = Field(default={}, description="Validated by the vendor's own model.")


class WebhookBlock(_Block):
    """One webhook, at ``/hooks/<name>``. ``item``: for each field of the bot's work item, where it stands in the
    delivery, such as ``order.id``.
    """

    bot: str
    item: dict[str, Path] = Field(min_length=1)
    proof: Annotated[HmacProof | VendorProof, Field(discriminator="kind")]


class ServerBlock(_Block):
    """Where webhooks are taken in. Other machines reach it through a reverse proxy that adds TLS."""

    host: str = "127.0.0.1"
    port: int = Field(default=8090, ge=0, le=65535)
    max_body_bytes: int = Field(default=1_048_576, gt=0, le=67_108_864)
