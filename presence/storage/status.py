"""The counts of `presentity status`: what the database holds, whether the server runs or not."""

from __future__ import annotations

from sqlalchemy import func, select

from presence.storage.database import Database
from presence.storage.models import Binding, Message, Publication, Subscription, User


def counts(database: Database, now: float) -> dict[str, int]:
    """Users, and what of the hot state has not expired at `now` (epoch seconds). Raises DatabaseError."""
    with database.reading() as connection:
        found = {"users": connection.scalar(select(func.count()).select_from(User)) or 0}
        for name, model in (
            ("bindings", Binding),
            ("publications", Publication),
            ("subscriptions", Subscription),
            ("messages", Message),
        ):
            statement = select(func.count()).select_from(model).where(model.expires_at > now)
            found[name] = connection.scalar(statement) or 0
    return found
