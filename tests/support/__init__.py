"""What the end-to-end tests stand on: a server process, a raw SIP client and softphones in processes of their own."""
