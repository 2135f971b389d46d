"""How much there may be: of connections and messages, of one address, of one user (docs/limits.md)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from presence.settings.kinds import Count, Duration, Group, Limit, Rate, Seconds, setting


class TransportLimits(Group):
    """Section Limits of transports: sizes, times and numbers, whoever it is."""

    max_message: Annotated[int, Field(ge=1500, le=65535 * 16)] = setting(
        65536, "Limits of transports", "Largest SIP message that is read; more is answered 513.", "bytes"
    )
    max_connections: Count = setting(
        10_000, "Limits of transports", "Open connections at a time, in and out; more are refused."
    )
    connection_idle: Duration = setting(
        3600.0, "Limits of transports", "A connection on which nothing came for so long is closed.", "seconds"
    )
    connect_timeout: Duration = setting(
        5.0, "Limits of transports", "Time for an outbound connection to be made.", "seconds"
    )
    message_timeout: Duration = setting(
        15.0, "Limits of transports", "Time for a message on a stream to be complete once begun.", "seconds"
    )
    max_header_values: Annotated[int, Field(ge=50)] = setting(
        500,
        "Limits of transports",
        "Header fields of one message and values in them (its line ends and commas); more is answered 400.",
    )
    max_value_length: Annotated[int, Field(ge=256)] = setting(
        2048,
        "Limits of transports",
        "Longest value of a header field that is kept with a binding, a publication, a subscription or a"
        " message: an address in Contact, Path or Record-Route, a line of Accept, Call-ID, Content-Type,"
        " Event, From or To; more is answered 400. All values of one (but Contact) may have four times"
        " as many.",
        "characters",
    )
    max_connections_address: Limit = setting(
        1000,
        "Limits of transports",
        "The same as `max_connections` for what one address opens (of IPv6: one network of 64 bits), trusted"
        " peers excepted; more are hung up on. 0: no limit but `max_connections`.",
    )
    handshake_timeout: Duration = setting(
        10.0,
        "Limits of transports",
        "Time for the handshakes of TLS and WebSocket together; then the connection is closed.",
        "seconds",
    )
    connection_unused: Duration = setting(
        60.0,
        "Limits of transports",
        "A connection that a peer opened, and on which no message and no keep-alive came for so long, is"
        " closed.",
        "seconds",
    )
    connection_unproved: Rate = setting(
        600.0,
        "Limits of transports",
        "The same for one on which nothing but keep-alives came for so long, and on which nobody has ever"
        " proved himself by digest; trusted peers excepted. Those of registered phones last as long as their"
        " keep-alives come. 0: no limit.",
        "seconds",
    )
    receive_buffer: Annotated[int, Field(ge=4096)] = setting(
        4_194_304, "Limits of transports", "SO_RCVBUF asked for UDP sockets.", "bytes"
    )
    max_transactions: Count = setting(
        # Over UDP each is kept for 32 seconds: so many are some 15,000 requests a second.
        500_000,
        "Limits of transports",
        "Server transactions at a time; more requests are answered 503.",
    )
    overload_wait: Annotated[float, Field(ge=0, le=10)] = setting(
        0.1,
        "Limits of transports",
        "How long messages may wait before they are looked at. While they wait longer, new requests"
        " are answered 503 at once; requests within dialogs, responses and refreshes of publications are"
        " handled. 0: no limit.",
        "seconds",
    )
    retry_after: Seconds = setting(
        5,
        "Limits of transports",
        "Least Retry-After of these answers; at most twice that, so that not all come again together.",
        "seconds",
    )
    shutdown_grace: Duration = setting(
        5.0, "Limits of transports", "After SIGTERM, time for what is under way to be answered.", "seconds"
    )


class AddressLimits(Group):
    """Section Limits of addresses: how fast one address may ask, and guess."""

    address_requests: Rate = setting(
        500.0,
        "Limits of addresses",
        "Requests from one address (of IPv6: from one network of 64 bits); more are answered 503 with"
        " Retry-After, and what is beyond `address_refusals` is dropped. None of these limits is for trusted"
        " peers. 0: no limit.",
        "per second",
    )
    address_unproved: Rate = setting(
        100.0,
        "Limits of addresses",
        "The same for requests from a place (address and port) where nobody has proved himself by digest"
        " yet: what is challenged, and the answer to the challenge. 0: no limit but `address_requests`.",
        "per second",
    )
    address_burst: Duration = setting(
        10.0,
        "Limits of addresses",
        "So much of each of these rates may come at once: 10 seconds of 500 requests a second are 5000.",
        "seconds",
    )
    address_refusals: Annotated[float, Field(ge=1, allow_inf_nan=False)] = setting(
        10.0,
        "Limits of addresses",
        "Answers that tell one address of these limits; what is beyond is dropped, so that nobody has us"
        " send to an address that he forged.",
        "per second",
    )
    address_connections: Rate = setting(
        100.0,
        "Limits of addresses",
        "Connections that one address opens; more are hung up on. 0: no limit.",
        "per second",
    )
    auth_failures_place: Limit = setting(
        10,
        "Limits of addresses",
        "Wrong passwords from one address and port within `auth_window`; with more, none from there is"
        " looked at: 503 with Retry-After. 0: no limit.",
    )
    auth_failures_address: Limit = setting(
        50,
        "Limits of addresses",
        "The same from one address. Those for a user who has proved himself from there count apart. 0: no"
        " limit.",
    )
    auth_failures_user: Limit = setting(
        100,
        "Limits of addresses",
        "The same for one user, from addresses where he has not proved himself: from the others he can"
        " always log in, whatever strangers try. 0: no limit.",
    )
    auth_window: Seconds = setting(
        300, "Limits of addresses", "The time within which wrong passwords are counted.", "seconds"
    )


class UserLimits(Group):
    """Section Limits of users: what one user may have."""

    max_bindings: Count = setting(
        20, "Limits of users", "Bindings of one user; more are refused with 403 and a reason."
    )
    max_publications: Count = setting(
        20, "Limits of users", "Publications of one presentity; more are refused with 403 and a reason."
    )
    max_subscriptions: Count = setting(
        2000, "Limits of users", "Subscriptions of one watcher; more are refused with 403 and a reason."
    )
    max_subscribe_body: Annotated[int, Field(ge=1024, le=65536)] = setting(
        65536,
        "Limits of users",
        "Largest body of a SUBSCRIBE (a list, a filter), after decompression; more is answered 413.",
        "bytes",
    )
    min_notify_interval: Annotated[float, Field(ge=0, le=3600)] = setting(
        0.0,
        "Limits of users",
        "Time between two NOTIFYs of one subscription: of what changes sooner the newest is told when it"
        " is over. Answers to SUBSCRIBE, decisions about the watcher and the end do not wait. 0: no limit but"
        " the one that a watcher asks for (RFC 6446).",
        "seconds",
    )
    waiting_expires: Seconds = setting(
        604_800,
        "Limits of users",
        "How long the presentity is shown a watcher on whom he has not decided and who has gone.",
        "seconds",
    )
