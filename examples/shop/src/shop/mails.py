"""Mails: the worker that sends them, and a mail server that is a folder."""

import asyncio
import logging
import os
from pathlib import Path

from pydantic import BaseModel
from regrow.queue import Backoff, Discard, Job, Worker

from shop import settings

LOG = logging.getLogger(__name__)


class Mail(BaseModel):
    """What a job of `SendMail` is about.

    `message_id` is the idempotency key: the mail server delivers one mail of each, however often
    it gets it.
    """

    message_id: str
    to: str
    subject: str
    text: str


class NoSuchAddress(Exception):
    """The mail server knows that it can never deliver a mail."""


class SendMail(Worker[Mail], attempts=8, backoff=Backoff(first=1.0), lease=3.0, concurrency=5):
    """Sends the mails, five at a time. A mail that fails is tried again, eight times in all."""

    async def perform(self, job: Job[Mail]) -> None:
        """Send one mail.

        After a crash between `deliver` and the acknowledgement the job is performed again. So a
        mail is sent at least once, and its key makes the repeat harmless.
        """
        mail, now = job.payload, settings.load()
        await asyncio.sleep(now.mail_seconds)
        try:
            is_new = await asyncio.to_thread(deliver, now.mails, mail)
        except NoSuchAddress as error:
            raise Discard(str(error)) from error  # no further attempt: to the dead letters
        LOG.info(
            "mail %s: %s, attempt %d",
            mail.message_id,
            "sent" if is_new else "was sent before, not sent again",
            job.attempt,
        )


def deliver(folder: Path, mail: Mail) -> bool:
    """Deliver a mail as a file, safe on the disk; return False if it was there already."""
    if mail.to.endswith(".invalid"):
        raise NoSuchAddress(f"{mail.to}: no such domain")
    path = folder / f"{mail.message_id}.txt"
    written = folder / f".{mail.message_id}.{os.getpid()}.part"
    with written.open("w", encoding="utf-8") as file:
        file.write(
            f"Message-ID: <{mail.message_id}@shop.example>\n"
            f"To: {mail.to}\nSubject: {mail.subject}\n\n{mail.text}\n"
        )
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(written, path)  # a whole mail appears at once, or the one that is there stays
    except FileExistsError:
        return False
    finally:
        written.unlink()
    return True
