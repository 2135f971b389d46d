"""A small terminal softphone on pjsua2, to try a presence server with (see docs/softphone.md)."""
