"""The SIP storey: core, transactions, sender, bindings and proxy.  It knows no package."""

from __future__ import annotations

from dataclasses import dataclass

from presence.wiring.given import Given
from sip.auth.authenticator import Authenticator, DigestSettings
from sip.auth.guesses import Guesses, GuessSettings
from sip.core import CoreSettings, SipCore
from sip.door import Door
from sip.identity import TrustedPeers
from sip.limits import Gate, GateSettings
from sip.load import Load
from sip.sender import RequestSender, SenderSettings
from sip.transaction import TransactionLayer, TransactionTimes
from sip.usage.location import Location
from sip.usage.notifier.lists import OPTION_TAGS
from sip.usage.onward import flow_for
from sip.usage.proxy import Proxy, ProxySettings
from sip.usage.registrar import Registrar, RegistrarSettings


@dataclass(frozen=True, slots=True)
class Stack:
    """What speaks SIP."""

    core: SipCore
    door: Door
    layer: TransactionLayer
    sender: RequestSender
    location: Location
    registrar: Registrar
    proxy: Proxy
    trusted: TrustedPeers


def build_stack(given: Given) -> Stack:
    """The stack; its core serves nothing before `routes` say what."""
    location = Location()
    trusted = TrustedPeers(str(network_) for network_ in given.settings.trust)
    sip_core = SipCore(
        CoreSettings(
            domains=given.settings.domain,
            supported=("path", *OPTION_TAGS),
            max_header_values=given.settings.max_header_values,
            max_value_length=given.settings.max_value_length,
        ),
        directory=given.directory,
        trusted=trusted,
        doorkeeper=Authenticator(
            given.directory,
            given.secret,
            DigestSettings(
                algorithms=given.settings.digest_algorithms,
                nonce_life=given.settings.nonce_lifetime,
                accept_without_qop=given.settings.digest_without_qop,
                nonce_life_without_qop=given.settings.nonce_lifetime_without_qop,
            ),
            is_ours=lambda uri: given.network.is_local(uri.host, uri.port, None),
            fresh=True,
            guesses=Guesses(
                GuessSettings(
                    place=given.settings.auth_failures_place,
                    address=given.settings.auth_failures_address,
                    user=given.settings.auth_failures_user,
                    window=given.settings.auth_window,
                )
            ),
        ),
        timers=given.timers,
        stats=given.stats,
        token=given.token,
        dialog_key=given.secret,
        load=Load(given.settings.overload_wait, retry_after=given.settings.retry_after),
        gate=_gate(given),
    )
    layer = TransactionLayer(sip_core, given.timers, given.stats, TransactionTimes(t1=given.settings.t1))
    door = Door(
        sip_core.load,
        sip_core.note_source,
        layer.knows,
        layer.knows_branch,
        given.stats,
        sip_core.keeps_out,
        sip_core.turned_away,
    )
    request_sender = RequestSender(
        layer,
        given.network,
        given.timers,
        given.token,
        SenderSettings(congestion_safe=given.settings.congestion_safe),
    )

    least, default, largest = given.settings.binding_lifetimes
    registrar = Registrar(
        location,
        given.directory,
        given.journal,
        given.timers,
        RegistrarSettings(
            min_expires=least,
            default_expires=default,
            max_expires=largest,
            max_bindings=given.settings.max_bindings,
            service_route=given.settings.service_route,
            require_path_support=given.settings.path == "require-supported",
        ),
        given.wall,
    )

    proxy = Proxy(
        request_sender,
        given.timers,
        ProxySettings(loop_key=given.secret),
        is_local=lambda uri: (
            given.directory.is_local_domain(uri.host)
            or given.network.is_local(uri.host, uri.port, uri.params.get("transport"))
        ),
        flow_for=lambda uri: flow_for(location, uri),
    )
    return Stack(sip_core, door, layer, request_sender, location, registrar, proxy, trusted)


def _gate(given: Given) -> Gate | None:
    settings = given.settings
    if not (settings.address_requests or settings.address_unproved):
        return None
    return Gate(
        GateSettings(
            requests=settings.address_requests,
            unproved=settings.address_unproved,
            burst=settings.address_burst,
            refusals=settings.address_refusals,
        ),
        given.stats,
    )
