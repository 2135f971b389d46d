"""get-dialing-rules (SPEC R76; Examples 47 and 48)."""

from __future__ import annotations

from soapapi.messages import Message, Text, many
from soapapi.operation import Call, Service, operation


class DialingRuleItem(Message):
    """A rule; all its fields are texts."""

    type = Text
    name = Text
    description = Text
    priority = Text
    number_begins_with = Text
    number_of_digits = Text
    digits_to_be_removed = Text
    prefix = Text


class DialingRules(Message):
    """All rules."""

    rule = many(DialingRuleItem)


def dialing_rules(call: Call) -> DialingRules:
    """What get-dialing-rules answers, which get-all-config has a part of."""
    return DialingRules(
        rule=[
            DialingRuleItem(**{name.replace("-", "_"): value for name, value in rule.told().items()})
            for rule in call.services.dialing.list()
        ]
    )


class Dialing(Service):
    """What clients make of numbers before they dial them."""

    @operation("get-dialing-rules", response=DialingRules)
    def get_dialing_rules(call: Call) -> DialingRules:
        """The administrator's rules: of applications, then of directory lookup, each by priority (R76)."""
        return dialing_rules(call)
