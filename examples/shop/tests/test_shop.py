"""The supervision tree of shop, and the parts that need no server."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from regrow import application, process
from regrow.cron import Cron
from regrow.queue import QueueError
from regrow.testing import expect_down

from shop import mails, orders, settings
from shop.application import Shop
from shop.mails import Mail, NoSuchAddress

MAIL = Mail(message_id="order-7", to="ann@example.org", subject="Your order", text="Thank you")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHOP_FOLDER", str(tmp_path))
    return tmp_path


async def test_application_starts_and_stops() -> None:
    await application.start(Shop)
    ref = process.monitor("shop.supervisor")
    await application.stop(Shop)
    await expect_down(ref, "shutdown")


async def test_an_order_is_its_row_and_its_job() -> None:
    await application.start(Shop)
    await application.stop(Shop)
    database = settings.load().database
    order, is_new = orders.place(database, "ann@example.org", "cake", 2)
    assert (order.id, order.cents, is_new) == (1, 760, True)
    with closing(sqlite3.connect(database)) as connection:
        jobs = connection.execute("SELECT queue, key, state FROM regrow_jobs").fetchall()
    assert jobs == [("SendMail", "order-1", "ready")]
    assert orders.newest(database) == [order]


async def test_the_nightly_report_is_one_mail_a_night(folder: Path) -> None:
    database = settings.load().database
    await application.start(Shop)
    orders.place(database, "ann@example.org", "cake", 2)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE orders SET placed_at = '2023-12-31 10:00:00'")
    await process.sleep(90 * 60 + 10)  # from midnight, UTC, to 02:30 in Berlin
    (tick,) = await Cron.history("shop.cron", "report")
    assert tick.outcome == "enqueued"
    (path,) = settings.load().mails.glob("report-*")
    assert path.name == "report-2023-12-31.txt"
    assert "1 orders, 7.60 EUR." in path.read_text()
    assert (await Cron.history("shop.cron", "count"))[0].outcome == "succeeded"
    await application.stop(Shop)


def test_an_order_without_its_job_is_not_stored() -> None:
    database = settings.load().database
    orders.create_table(database)
    with pytest.raises(QueueError):  # there are no tables of the queue
        orders.place(database, "ann@example.org", "cake", 2)
    assert orders.newest(database) == []


def test_a_mail_is_delivered_once(folder: Path) -> None:
    assert mails.deliver(folder, MAIL)
    assert not mails.deliver(folder, MAIL.model_copy(update={"text": "again"}))
    assert [path.name for path in folder.iterdir()] == ["order-7.txt"]
    assert "Thank you" in (folder / "order-7.txt").read_text()


def test_a_mail_to_no_domain_is_refused(folder: Path) -> None:
    with pytest.raises(NoSuchAddress, match=r"eve@nowhere.invalid"):
        mails.deliver(folder, MAIL.model_copy(update={"to": "eve@nowhere.invalid"}))
    assert list(folder.iterdir()) == []


def test_settings_make_the_folder_of_the_mails(folder: Path) -> None:
    assert (settings.load().mails, (folder / "mails").is_dir()) == (folder / "mails", True)
