"""Recent communications (SPEC R77, R78, Q50 to Q52)."""

from __future__ import annotations

import pytest

from presence.provisioning.errors import ProvisioningError
from presence.provisioning.history import HistoryRecord, HistoryService
from presence.storage.database import Database
from presence.storage.history import SqlHistoryRepository
from tests.presence.storage.provisioned import ALICE, BOB, add_users, news


@pytest.fixture
def history(database: Database) -> HistoryService:
    add_users(database)
    return HistoryService(SqlHistoryRepository(database), limit=5)


def stamps(history: HistoryService, owner: str = ALICE) -> list[str]:
    return [it.timestamp for it in history.list(owner)]


def test_records_come_back_as_they_were_sent_the_newest_first(history: HistoryService) -> None:
    history.add(ALICE, "2006-03-24", 2, "<what>xmltag-other</what>")
    history.add(ALICE, "2007-03-24", "3", "<what>this is another record</what>")
    history.add("a@example.com", "2005-03-22", "1", "<what>this is a record</what>")
    assert history.list("alice@example.com") == [
        HistoryRecord("2007-03-24", "3", "<what>this is another record</what>"),
        HistoryRecord("2006-03-24", "2", "<what>xmltag-other</what>"),
        HistoryRecord("2005-03-22", "1", "<what>this is a record</what>"),
    ]
    assert history.list(BOB) == []


def test_data_keeps_its_namespace_q51(history: HistoryService) -> None:
    data = '<a:what xmlns:a="urn:cisco:epas:soap" n="1">x &amp; <b/>y</a:what> tail'
    history.add(ALICE, "2006-03-24", "2", data)
    assert history.list(ALICE)[0].data == data


def test_dates_and_times_of_all_zones_sort_as_moments_q50(history: HistoryService) -> None:
    in_order = [
        "2006-03-24T00:00:00.5Z",
        "2006-03-24",
        "2006-03-24T01:30:00+02:00",
        "2006-03-24+01:00",
        "2006-03-23T22:00:00",
    ]
    for stamp in (in_order[3], in_order[0], in_order[4], in_order[2], in_order[1]):
        history.add(ALICE, stamp, "1", "")
    assert stamps(history) == in_order


def test_of_equal_times_the_one_that_was_stored_last_is_first_q50(history: HistoryService) -> None:
    for kind in "123":
        history.add(ALICE, "2006-03-24", kind, "")
    assert [it.type for it in history.list(ALICE)] == ["3", "2", "1"]


def test_only_the_newest_of_a_user_are_kept(history: HistoryService) -> None:
    history.add(BOB, "1999-01-01", "1", "")
    for year in (2003, 2001, 2007, 2005, 2002, 2006, 2004):
        history.add(ALICE, f"{year}-01-01", "1", "")
    assert stamps(history) == [f"{year}-01-01" for year in (2007, 2006, 2005, 2004, 2003)]
    history.add(ALICE, "1990-01-01", "1", "")
    assert "1990-01-01" not in stamps(history)
    assert stamps(history, BOB) == ["1999-01-01"]


@pytest.mark.parametrize(
    ("stamp", "kind", "data", "why"),
    [
        ("yesterday", "1", "", "'yesterday' is neither a date nor a dateTime"),
        ("2006-02-30", "1", "", "'2006-02-30' is neither a date nor a dateTime"),
        ("2006-03-24 10:00", "1", "", "'2006-03-24 10:00' is neither a date nor a dateTime"),
        ("", "1", "", "'' is neither a date nor a dateTime"),
        ("2006-03-24", "call", "", "'call' is not an integer"),
        ("2006-03-24", "1.5", "", "'1.5' is not an integer"),
        ("2006-03-24", "1", "<a>", "data: Opening and ending tag mismatch"),
        ("2006-03-24", "1", "</data><data>", "data: "),
        ("2006-03-24", "1", "\ud800", "data: a character in it is none"),
        ("2006-03-24", "1", "x" * 70_000, "data: more than 65536 bytes"),
    ],
)
def test_what_is_no_record_is_refused(
    history: HistoryService, stamp: str, kind: str, data: str, why: str
) -> None:
    with pytest.raises(ProvisioningError) as refused:
        history.add(ALICE, stamp, kind, data)
    assert str(refused.value).startswith(why)
    assert history.list(ALICE) == []


def test_types_are_integers_that_mean_nothing_here_q52(history: HistoryService) -> None:
    for kind in ("-7", "0", "123456"):
        history.add(ALICE, "2006-03-24", f" {kind} ", "")
    assert [it.type for it in history.list(ALICE)] == ["123456", "0", "-7"]


def test_nobody_is_told_of_a_record(history: HistoryService, database: Database) -> None:
    history.add(ALICE, "2006-03-24", "1", "")
    assert news(database) == []


def test_the_owner_must_be_a_user(history: HistoryService) -> None:
    for refused in (
        lambda: history.add("eve@example.com", "2006-03-24", "1", ""),
        lambda: history.list("eve@example.com"),
    ):
        with pytest.raises(ProvisioningError, match=r"^there is no user eve@example.com$"):
            refused()
