"""The notifier (RFC 6665): subscriptions to whatever event package is registered here.

`package` is what an event package implements, `subscription` is one subscription and its NOTIFYs, `usage`
answers SUBSCRIBE and keeps them all.
"""

from sip.usage.notifier.package import Authorization, Body, EventPackage, SubscriptionView
from sip.usage.notifier.subscription import Subscription
from sip.usage.notifier.usage import NotifierSettings, NotifierUsage

__all__ = [
    "Authorization",
    "Body",
    "EventPackage",
    "NotifierSettings",
    "NotifierUsage",
    "Subscription",
    "SubscriptionView",
]
