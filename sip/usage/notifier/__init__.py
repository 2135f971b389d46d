"""The notifier (RFC 6665): subscriptions to whatever event package is registered here.

`package` is what an event package implements, `views` its simplest form, `subscription` is one subscription
and its NOTIFYs, `rates` how often they go, `lists` what a list asks of its SUBSCRIBE, `usage` answers
SUBSCRIBE and keeps them all.
"""

from sip.usage.notifier.package import (
    Authorization,
    Body,
    EventPackage,
    ListServer,
    Notification,
    Reason,
    SubscriptionEvent,
    SubscriptionView,
    View,
)
from sip.usage.notifier.subscription import Subscription
from sip.usage.notifier.usage import NotifierSettings, NotifierUsage
from sip.usage.notifier.views import DocumentView

__all__ = [
    "Authorization",
    "Body",
    "DocumentView",
    "EventPackage",
    "ListServer",
    "Notification",
    "NotifierSettings",
    "NotifierUsage",
    "Reason",
    "Subscription",
    "SubscriptionEvent",
    "SubscriptionView",
    "View",
]
