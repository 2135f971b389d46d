"""Storage: an adapter that the domain receives at start and never imports.

- `database`: open, migrate (`migrate`), read everything back in one snapshot
- `models`, `kinds`: the tables, and how journal records map on them
- `journal`: group commit in a process of its own
- `users`, `outbox`: provisioning's repository, and the news of its changes for a running server
- `status`: the counts of `presentity status`
"""
