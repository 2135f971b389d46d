"""Requests as the core and the door are asked: of a stranger, and by way of the trusted peer."""

from __future__ import annotations

OPTIONS = """
    OPTIONS sip:example.com SIP/2.0
    Via: SIP/2.0/UDP 198.51.100.9:5060;branch=z9hG4bKopt1
    Max-Forwards: 70
    From: <sip:bob@example.com>;tag=b1
    To: <sip:example.com>
    Call-ID: options1
    CSeq: 1 OPTIONS
"""
INVITE = """
    INVITE sip:alice@example.com SIP/2.0
    Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKinv1
    Max-Forwards: 70
    From: <sip:bob@example.com>;tag=b1
    To: <sip:alice@example.com>
    Call-ID: invite1
    CSeq: 1 INVITE
    Contact: <sip:bob@192.0.2.7:5060>
"""
REGISTER = """
    REGISTER sip:example.com SIP/2.0
    Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKreg1
    Max-Forwards: 70
    From: <sip:alice@example.com>;tag=a1
    To: <sip:alice@example.com>
    Call-ID: register1
    CSeq: 1 REGISTER
    Contact: <sip:alice@203.0.113.20:5060>
    Expires: 600
"""
