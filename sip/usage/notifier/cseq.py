"""The CSeq numbers of the NOTIFYs of a subscription, reserved before they are used.

The CSeq that a restart goes on from must be durable before it is used.  A record for every NOTIFY would
make a change with a thousand watchers a thousand records, so numbers are reserved a block ahead: a crash
leaves a gap in the numbers (which RFC 3261 §12.2.2 allows the other side to see), a clean stop none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from sip.ports import JournalError
from sip.usage.notifier.rows import record

if TYPE_CHECKING:
    from sip.usage.notifier.subscription import Subscription

log = logging.getLogger(__name__)

CSEQ_BLOCK: Final = 64
"""NOTIFYs that may be sent before a new block of CSeq numbers has to be durable."""
CSEQ_MARGIN: Final = 16
"""Numbers left when the next block is asked for."""


def reserve(subscription: Subscription) -> bool:
    """True if the next CSeq number is durable; asks for more numbers before they run out."""
    left = subscription.cseq_durable - subscription.dialog.local_cseq
    if left > CSEQ_MARGIN:
        return True
    usage = subscription.usage
    if not usage.is_live(subscription):
        # A fetch was never stored, and what is being removed needs no numbers for later.
        return True
    if not subscription.cseq_reserving:
        subscription.cseq_reserving = True
        usage.queue.run(subscription.id, partial(_write, subscription))
    return left > 0


def _write(subscription: Subscription, release: Callable[[], None]) -> None:
    usage = subscription.usage
    if not usage.is_live(subscription):
        release()
        return
    ceiling = subscription.dialog.local_cseq + CSEQ_BLOCK

    def done(error: JournalError | None) -> None:
        subscription.cseq_reserving = False
        if error is None:
            subscription.cseq_durable = max(subscription.cseq_durable, ceiling)
        # Not before: a refresh that waits for its turn writes the ceiling that it finds.
        release()
        if error is None:
            subscription.go_on()
        else:
            extra = {"watcher": subscription.watcher, "error": str(error)}
            log.warning("notify.cseq-not-durable", extra=extra)
            usage.timers.after(1.0, subscription.go_on)

    usage.journal.write([record(subscription, ceiling)], done)
