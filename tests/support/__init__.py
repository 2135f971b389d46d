"""What the end-to-end tests stand on: a server process, a raw SIP client, softphones."""
