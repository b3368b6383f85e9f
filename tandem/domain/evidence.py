"""What a channel saved of a failed attempt."""

from dataclasses import dataclass
from typing import Literal

EvidenceKind = Literal["screenshot", "page_text", "ocr_text", "trace", "message"]


@dataclass(frozen=True)
class Evidence:
    """One saved file, named by its content: ``path`` is relative to the evidence folder of the workspace."""

    kind: EvidenceKind
    path: str
