"""Stores of a test's own, beside what every test has."""

from tests.kit.fresh import bare_stores, fresh_database, fresh_stores, migrated_template

__all__ = ["bare_stores", "fresh_database", "fresh_stores", "migrated_template"]
