"""What `--listen` understands."""

from __future__ import annotations

import pytest

from sip.transport import ListenSpec


@pytest.mark.parametrize(
    ("text", "transport", "host", "port"),
    [
        ("udp:0.0.0.0:5060", "UDP", "0.0.0.0", 5060),
        ("tcp:127.0.0.1:0", "TCP", "127.0.0.1", 0),
        ("TLS:sip.example.com:5061", "TLS", "sip.example.com", 5061),
        ("ws:[::1]:8088", "WS", "::1", 8088),
        ("wss:[2001:DB8::0:1]:443", "WSS", "2001:db8::1", 443),
    ],
)
def test_a_listen_spec_is_read(text: str, transport: str, host: str, port: int) -> None:
    assert ListenSpec.parse(text) == ListenSpec(transport, host, port)


@pytest.mark.parametrize("text", ["udp:0.0.0.0:5060", "wss:[2001:db8::1]:443"])
def test_a_listen_spec_is_written_as_it_was_read(text: str) -> None:
    assert str(ListenSpec.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "sctp:0.0.0.0:5060",
            "unknown transport 'sctp' in 'sctp:0.0.0.0:5060' (one of udp, tcp, tls, ws, wss)",
        ),
        ("udp", "expected udp:HOST:PORT, got 'udp'"),
        ("udp:5060", "cannot listen on 'udp:5060': expected HOST:PORT, got '5060'"),
        ("udp::5060", "cannot listen on 'udp::5060': expected HOST:PORT, got ':5060'"),
        ("tcp:h:70000", "cannot listen on 'tcp:h:70000': not a port number from 0 to 65535: '70000'"),
        ("tcp:h:sip", "cannot listen on 'tcp:h:sip': not a port number from 0 to 65535: 'sip'"),
        ("tcp:::1:5060", "cannot listen on 'tcp:::1:5060': an IPv6 address stands in brackets: [::1]:5060"),
        ("tcp:[host]:5060", "cannot listen on 'tcp:[host]:5060': not an IPv6 address: 'host'"),
    ],
)
def test_a_wrong_listen_spec_says_what_is_wrong(text: str, why: str) -> None:
    with pytest.raises(ValueError) as caught:
        ListenSpec.parse(text)
    assert str(caught.value) == why
