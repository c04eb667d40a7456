"""A real database in a folder of its own, opened with threads and without."""

from tests.store.kit import blank, path, store

__all__ = ["blank", "path", "store"]
