"""The notifier (RFC 6665): subscriptions to whatever event package is registered here.

`package` is what an event package implements, `views` its simplest form.  `subscribe` answers SUBSCRIBE
(`lists`: what one for a list has to say), `usage` keeps all subscriptions and tells them of changes,
`subscription` is one of them with its NOTIFYs (`notify`: what is in them, `rates`: how often they go, `cseq`:
their numbers).  `rows` writes them to the journal, `restore` reads them after a restart.
"""

from sip.usage.notifier.package import (
    Authorization,
    DivisibleView,
    EventPackage,
    HeldBack,
    ListServer,
    LiveSubscription,
    Reason,
    SubscriptionEvent,
    SubscriptionView,
    View,
)
from sip.usage.notifier.rows import unordered
from sip.usage.notifier.settings import NotifierSettings
from sip.usage.notifier.subscription import Subscription
from sip.usage.notifier.told import Body, Notification
from sip.usage.notifier.usage import NotifierUsage
from sip.usage.notifier.views import DocumentView, SteadyView

__all__ = [
    "Authorization",
    "Body",
    "DivisibleView",
    "DocumentView",
    "EventPackage",
    "HeldBack",
    "ListServer",
    "LiveSubscription",
    "Notification",
    "NotifierSettings",
    "NotifierUsage",
    "Reason",
    "SteadyView",
    "Subscription",
    "SubscriptionEvent",
    "SubscriptionView",
    "View",
    "unordered",
]
