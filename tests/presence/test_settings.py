"""Settings: where they come from, what they may be, and how a fault is told."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from presence.settings import HostPort, Settings, StartError, load, reference
from sip.transport.spec import ListenSpec


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*Settings.model_fields, "config"):
        monkeypatch.delenv(f"PRESENTITY_{name.upper()}", raising=False)


@pytest.fixture
def config(tmp_path: Path):
    def write(text: str) -> Path:
        file = tmp_path / "presentity.toml"
        file.write_text(text)
        return file

    return write


def fault(options=None, config=None) -> str:
    with pytest.raises(StartError) as caught:
        load(options, config)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- sources -----------------------------------------------------------------------------------------


def test_the_defaults_are_those_that_the_project_promises():
    settings = load()
    assert settings.data == Path("data")
    assert settings.listen == ("udp:0.0.0.0:5060", "tcp:0.0.0.0:5060")
    assert settings.http == HostPort("127.0.0.1", 8080)
    assert settings.trust == ()
    assert settings.min_expires == 60
    assert settings.digest_algorithms == ("MD5",)
    assert settings.digest_without_qop
    assert settings.database_url == f"sqlite:///{Path('data').absolute()}/presentity.db"


def test_command_line_goes_before_environment_before_file_before_default(config, monkeypatch):
    file = config("min_expires = 10\nbinding_expires = 20\npublication_expires = 30")
    monkeypatch.setenv("PRESENTITY_MIN_EXPIRES", "11")
    monkeypatch.setenv("PRESENTITY_BINDING_EXPIRES", "21")
    settings = load({"min_expires": "12"}, file)
    assert (settings.min_expires, settings.binding_expires) == (12, 21)
    assert (settings.publication_expires, settings.subscription_expires) == (30, 3600)


def test_an_option_goes_before_an_assignment():
    assert load({"min_expires": "2"}, assigned={"min_expires": "3", "t1": "0.1"}).min_expires == 2


def test_options_that_were_not_given_do_not_hide_the_file(config):
    settings = load({"domain": (), "http": None}, config('domain = "a.example"\nhttp = "[::1]:80"'))
    assert settings.domain == ("a.example",)
    assert settings.http == HostPort("::1", 80)


def test_the_environment_names_the_file_too(config, monkeypatch):
    monkeypatch.setenv("PRESENTITY_CONFIG", str(config("min_expires = 7")))
    assert load().min_expires == 7


def test_a_list_in_the_environment_has_commas(monkeypatch):
    monkeypatch.setenv("PRESENTITY_DOMAIN", "a.example, B.Example.")
    monkeypatch.setenv("PRESENTITY_TRUST", "192.0.2.0/24,2001:db8::1")
    settings = load()
    assert settings.domain == ("a.example", "b.example")
    assert settings.trust == (ip_network("192.0.2.0/24"), ip_network("2001:db8::1/128"))


def test_a_list_may_be_the_text_of_one_in_toml(monkeypatch):
    monkeypatch.setenv("PRESENTITY_PUBLISHERS", '["pbx@10.0.0.5", "mailbox@example.com"]')
    assert load().publishers == ("sip:pbx@10.0.0.5", "sip:mailbox@example.com")
    monkeypatch.setenv("PRESENTITY_PUBLISHERS", '["pbx@10.0.0.5"')
    with pytest.raises(StartError, match="is not a list such as"):
        load()


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        load().min_expires = 1


# --- what belongs together ---------------------------------------------------------------------------


def test_a_least_lifetime_of_one_second_is_allowed():
    assert load({"min_expires": "1"}).binding_lifetimes == (1, 3600, 86400)


def test_a_larger_least_lifetime_lifts_the_default():
    assert load({"min_expires": "7200"}).subscription_lifetimes == (7200, 7200, 86400)


def test_a_least_lifetime_above_the_largest_is_refused():
    assert fault({"min_expires": "90000"}) == "min_expires (90000) is more than binding_max_expires (86400)"


def test_a_key_without_a_certificate_is_refused():
    assert fault({"tls_key": "k.pem"}) == "tls_key is given without tls_certificate"


def test_the_default_domain_comes_with_a_hint_and_a_chosen_one_without():
    assert "localhost" in (load().hint or "")
    assert load({"domain": ("localhost",)}).hint is None


# --- faults ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"min_expires": "0"}, "option --min-expires: '0' is less than 1"),
        ({"min_expires": "soon"}, "option --min-expires: 'soon' is not a whole number"),
        ({"t1": "nan"}, "option --t1: 'nan' is not a number"),
        ({"http": "8080"}, "option --http: '8080' is not HOST:PORT (an IPv6 address stands in brackets)"),
        ({"http": "::1:80"}, "option --http: '::1:80' is not HOST:PORT (an IPv6 address stands in brackets)"),
        ({"http": "localhost:99999"}, "option --http: '99999' is not a port (0 to 65535)"),
        ({"listen": ("udp:5060",)}, "option --listen: '5060' is not HOST:PORT"),
        ({"listen": ("sctp:h:1",)}, "option --listen: 'sctp:h:1' is not udp|tcp|tls|ws|wss:HOST:PORT"),
        ({"domain": ("a b",)}, "option --domain: 'a b' is not a host name or an address"),
        ({"trust": ("10/99",)}, "option --trust: '10/99' is not a network such as 192.0.2.0/24"),
        ({"log_level": "loud"}, "option --log-level: 'loud' is not 'debug', 'info', 'warning' or 'error'"),
        ({"digest_algorithms": "MD4"}, "option --digest-algorithms: 'MD4' is not 'MD5' or 'SHA-256'"),
        ({"service_route": "http://x"}, "option --service-route: 'http://x' is not a SIP URI such as"),
        ({"publishers": "tel:1"}, "option --publishers: 'tel:1' is not an address such as pbx@example.com"),
        ({"domain": ""}, "option --domain: at least one is needed"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_one_line_that_names_its_option(options, line):
    assert fault(options).startswith(line)


def test_every_wrong_setting_is_named():
    line = fault({"min_expires": "x", "domain": ("a b",)})
    assert "--min-expires" in line
    assert "--domain" in line


def test_a_wrong_variable_is_named_as_such(monkeypatch):
    monkeypatch.setenv("PRESENTITY_DEMO", "perhaps")
    assert fault() == "PRESENTITY_DEMO: 'perhaps' is neither true nor false"


def test_a_password_in_a_database_address_is_not_repeated():
    line = fault({"database": "mysql://root:hunter2@db/x"})
    assert line.startswith("option --database: not sqlite:///FILE or postgresql")
    assert "hunter2" not in line
    assert "hunter2" not in repr(load({"database": "postgresql://u:hunter2@db/x"}))


def test_a_wrong_value_in_the_file_names_the_file_and_the_key(config):
    file = config('min_expires = "x"')
    assert fault(config=file) == f"{file}: min_expires: 'x' is not a whole number"


def test_an_unknown_key_in_the_file_is_named(config):
    file = config("min_expiry = 60\n[sip]\nx = 1")
    assert fault(config=file) == f"{file}: unknown key min_expiry, sip"


def test_a_file_that_is_no_toml_is_told(config):
    file = config("listen = [")
    assert fault(config=file).startswith(f"{file}: not valid TOML: ")


def test_a_file_that_is_missing_or_a_folder_is_told(tmp_path):
    missing = tmp_path / "none.toml"
    assert fault(config=missing) == f"cannot read the configuration {missing}: No such file or directory"
    assert fault(config=tmp_path) == f"cannot read the configuration {tmp_path}: Is a directory"


def test_a_file_in_another_encoding_is_told(tmp_path):
    file = tmp_path / "latin.toml"
    file.write_bytes(b'domain = "b\xfccher.example"')
    assert fault(config=file) == f"cannot read the configuration {file}: not UTF-8 text"


@pytest.mark.parametrize(
    "text", ["udp:0.0.0.0:5060", "TCP:[::1]:0", "wss:Example.org:443", "tls:127.0.0.1:5061"]
)
def test_what_is_accepted_as_a_listener_the_transports_accept_too(text):
    (listener,) = load({"listen": (text,)}).listen
    assert str(ListenSpec.parse(listener)) == listener


# --- the reference -----------------------------------------------------------------------------------


def test_the_documents_are_those_that_the_settings_make():
    hint = "run: python -m presence.settings.reference"
    assert reference.DOCUMENT.read_text("utf-8") == reference.document(), hint
    assert reference.DEFAULTS.read_text("utf-8") == reference.default_file(), hint


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented_with_its_variable(name):
    row = next(line for line in reference.document().splitlines() if line.startswith(f"| `{name}` |"))
    assert f"`PRESENTITY_{name.upper()}`" in row
    assert len(row.split("|")[-2].strip()) > 20


def test_the_default_file_uncommented_gives_the_defaults(config):
    text = "\n".join(
        line.removeprefix("#") if not line.startswith("# ") else line
        for line in reference.default_file().splitlines()
    )
    without_examples = [line for line in text.splitlines() if line.split(" =")[0] not in reference._EXAMPLES]
    assert load(config=config("\n".join(without_examples))) == load()
    assert load(config=config(text)).advertise == "sip.example.org"
