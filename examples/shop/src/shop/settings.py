"""Where the shop keeps its files. Environment variables change it."""

import os
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Settings:
    """The settings of this program.

    Attributes:
        folder: has the database and the mails.
        mail_seconds: the time that the mail server takes for one mail.
    """

    folder: Path
    mail_seconds: float

    @property
    def database(self) -> Path:
        """The file of orders and jobs: `store` in pyproject.toml names it for `regrow queue`."""
        return self.folder / "shop.db"

    @property
    def mails(self) -> Path:
        """The folder in which each mail that was sent is a file."""
        return self.folder / "mails"


def load() -> Settings:
    """Return the settings, and make the folders.

    SHOP_FOLDER is the folder of the files, SHOP_MAIL_SECONDS the time that a mail takes.
    """
    settings = Settings(
        folder=Path(os.environ.get("SHOP_FOLDER") or PROJECT / "var").resolve(),
        mail_seconds=float(os.environ.get("SHOP_MAIL_SECONDS") or 1.0),
    )
    settings.mails.mkdir(parents=True, exist_ok=True)
    return settings
