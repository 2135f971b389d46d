"""What the server is and where its data lies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from presence.settings.kinds import LISTED, DatabaseUrl, Domain, Group, setting

DEFAULT_DOMAIN = "localhost"


class ServerSettings(Group):
    """Section Server: data, domains."""

    data: Path = setting(
        Path("data"),
        "Server",
        "Folder for the SQLite database and everything that is generated. Relative to the folder that the"
        " command is started in.",
    )
    database: DatabaseUrl | None = setting(
        None,
        "Server",
        "SQLAlchemy address of the database: `sqlite:///FILE` or `postgresql+psycopg://USER:PASSWORD@HOST/NAME`."
        " Not set: `presentity.db` in the data folder.",
        repr=False,
    )
    domain: Annotated[tuple[Domain, ...], *LISTED] = setting(
        (DEFAULT_DOMAIN,),
        "Server",
        "Domains that this server is responsible for; the first is the one of demo users.",
        min_length=1,
    )
    demo: bool = setting(
        False,
        "Server",
        "Create the users alice, bob and carol in the first domain and print their passwords, which are kept"
        " in `demo-passwords.json` in the data folder (mode 0600) and stay the same.",
    )

    @property
    def database_url(self) -> str:
        """The address of the database, the default one filled in.  May hold a password: never log it."""
        return self.database or f"sqlite:///{self.data.absolute() / 'presentity.db'}"

    @property
    def state_file(self) -> Path:
        """What a running server says about itself to the command line."""
        return self.data / "server.json"

    @property
    def tls_folder(self) -> Path:
        """Where a generated certificate is kept."""
        return self.data / "tls"

    @property
    def hint(self) -> str | None:
        """A line for the operator when the default domain is in use, which no other machine can reach."""
        if self.domain == (DEFAULT_DOMAIN,) and "domain" not in self.model_fields_set:
            return "no domain given: serving localhost (--domain example.org serves users NAME@example.org)"
        return None
