"""What storage can fail with: each error is one clear line for an operator."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, SQLAlchemyError


class DatabaseError(Exception):
    """The database cannot serve; `str()` is one line that says which database and why."""


class DatabaseUnavailable(DatabaseError):
    """It cannot be reached, read or written (now)."""


class DatabaseInDoubt(DatabaseUnavailable):
    """It went away within a transaction: whether that was committed shows when it is back."""


class DatabaseUnsupported(DatabaseError):
    """The URL names a database that Presentity does not work with."""


class DatabaseTaken(DatabaseError):
    """Another server works with it."""


class DatabaseTooNew(DatabaseError):
    """A later presentity has migrated it already."""


class DatabaseNotMigrated(DatabaseError):
    """Its tables are missing or older than this presentity."""


def one_line(error: BaseException) -> str:
    """The driver's own words in one line, without SQLAlchemy's background links and statements."""
    inner: BaseException = error
    if isinstance(error, DBAPIError) and error.orig is not None:
        inner = error.orig
    elif isinstance(error, SQLAlchemyError) and error.args:
        return " ".join(str(error.args[0]).split())
    text = " ".join(str(inner).split())
    return text or type(inner).__name__
