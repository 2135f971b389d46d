"""get-calendaring, set-calendaring (SPEC R80; Examples 65 to 68): does the calendar count for the status."""

from __future__ import annotations

from soapapi.messages import Message, Value, boolean
from soapapi.operation import Call, Service, operation


class CalendarSwitch(Message):
    """true or false."""

    value = Value


class CalendarStatus(Message):
    """What became of it."""

    text = Value


class Calendaring(Service):
    """The calendar of the user."""

    @operation("get-calendaring", response=CalendarSwitch)
    def get_calendaring(call: Call) -> CalendarSwitch:
        """Whether it is on (Examples 65 and 66)."""
        return CalendarSwitch(value="true" if call.services.profiles.calendar(call.owner) else "false")

    @operation("set-calendaring", CalendarSwitch, CalendarStatus)
    def set_calendaring(call: Call, request: CalendarSwitch) -> CalendarStatus:
        """Switch it; what is no boolean is a fault (Q28; Examples 67 and 68)."""
        call.services.profiles.set_calendar(call.owner, boolean(request.value, default=False))
        return CalendarStatus(text="succeeded")
