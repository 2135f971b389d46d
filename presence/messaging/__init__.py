"""Pager-mode messages (RFC 3428) to our users: to their phones at once, or kept until there is one.

`service` answers MESSAGE and delivers, `stored` is a message that waits and how it is sent again,
`mailbox` keeps them durably, `notifications` tells what is of use now or never.
"""

from presence.messaging.service import MessageService
from presence.messaging.settings import MessageSettings

__all__ = ["MessageService", "MessageSettings"]
