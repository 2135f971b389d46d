"""Formats of presence documents, one module each: bytes in, values and bytes out, no state."""
