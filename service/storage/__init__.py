"""Postgres, Redis and the caches. Beside `records`, its exports are all that other rooms know of SQLAlchemy."""

from sqlalchemy.ext.asyncio import AsyncConnection as Connection

from service.storage.database import Database
from service.storage.failing import DatabaseAway, DatabaseBusy
from service.storage.redis import Redis, RedisAway, RedisGone, Refund

__all__ = ["Connection", "Database", "DatabaseAway", "DatabaseBusy", "Redis", "RedisAway", "RedisGone", "Refund"]
