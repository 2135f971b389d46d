"""The note of a running server, and its hold on the data folder."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from presence.runfile import RunFile, claim
from presence.settings import StartError

RUN = RunFile(123, "0.0.0.0", 8080, ("udp 0.0.0.0:5060",), 1000.5, ("example.com", "example.org"))


def test_what_is_written_is_read_again_and_only_the_owner_can(tmp_path):
    file = tmp_path / "server.json"
    RUN.write(file)
    assert RunFile.read(file) == RUN
    assert file.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["server.json"]


def test_a_clean_stop_removes_it_but_never_the_note_of_another(tmp_path):
    file = tmp_path / "server.json"
    RUN.write(file)
    replace(RUN, pid=124).remove(file)
    assert file.exists()
    RUN.remove(file)
    assert not file.exists()
    RUN.remove(file)


@pytest.mark.parametrize("text", ["", "{", "[]", "5", '{"pid": 1}', '{"listeners": 5}', "\0"])
def test_a_file_with_nothing_of_use_counts_as_none(tmp_path, text):
    file = tmp_path / "server.json"
    file.write_text(text)
    assert RunFile.read(file) is None


def test_wildcard_addresses_are_reached_by_loopback():
    assert RUN.reachable_host == "127.0.0.1"
    assert replace(RUN, http_host="::").reachable_host == "::1"
    assert replace(RUN, http_host="192.0.2.1").reachable_host == "192.0.2.1"


def test_a_data_folder_has_one_server(tmp_path):
    held = claim(tmp_path / "data")
    with pytest.raises(StartError, match="another server uses the data folder"):
        claim(tmp_path / "data")
    os.close(held)
    os.close(claim(tmp_path / "data"))


def test_a_data_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match=r"cannot use the data folder .*: Not a directory"):
        claim(tmp_path / "file" / "data")
