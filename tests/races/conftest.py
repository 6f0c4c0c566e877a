"""What these tests stand on beside the common ground."""

from tests.kit.admins import admin

__all__ = ["admin"]
