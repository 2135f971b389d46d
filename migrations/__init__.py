"""Alembic migrations; shipped with the wheel, run by `presence.storage.migrate.upgrade`.

A new one: change `presence/storage/models.py`, then in a checkout
`alembic -c migrations/alembic.ini -x url=sqlite:////tmp/migrate.db upgrade head` and
`alembic -c migrations/alembic.ini -x url=sqlite:////tmp/migrate.db revision --autogenerate -m "why"`.
"""
