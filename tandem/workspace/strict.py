"""What the models of all workspace files share."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A frozen part of a file; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Title(Strict):
    """A name for people, per language."""

    en: str
    zh: str

    def of(self, language: str) -> str:
        """The title in this language."""
        return self.zh if language == "zh" else self.en
