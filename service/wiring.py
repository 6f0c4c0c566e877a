"""Builds what one process owns. Everything is made here once and handed on; nothing is global."""

from dataclasses import dataclass
from functools import partial

import argon2

from service.account.changing_password import ChangingPassword
from service.changes.announcing import Announce
from service.changes.following import Following
from service.changes.hearing import Hearing
from service.clock import Clock, Pulse
from service.housekeeping.tidying import Tidying
from service.idempotency import records as idempotency
from service.keys.rotating import KeyRules, Rotating
from service.limits.charging import Charging
from service.limits.counting import Counting
from service.limits.local_counts import LocalCounts
from service.limits.policies import Lockout, Policies, Policy
from service.limits.refunds import Refunds
from service.security.access_tokens import AccessTokens, TokenRules
from service.security.hashing_pool import HashingPool
from service.security.key_ring import KeyRing
from service.security.passwords import Passwords
from service.security.revocations import Revocations
from service.security.scopes import scopes_of
from service.security.secrets import Secrets
from service.sessions.ending import Ending
from service.sessions.listing import Listing
from service.sessions.pairs import Pairs
from service.sessions.records import Lengths
from service.sessions.refreshing import Refreshing
from service.sessions.signing_in import SigningIn
from service.settings import Settings
from service.storage import Database, Redis
from service.storage.cache import Cache, CacheRules
from service.storage.near_cache import NearCache
from service.telemetry.metrics import Metrics
from service.users.listing import Directory
from service.users.profiles import Profiles
from service.users.registering import Registering
from service.users.standing import Standing


@dataclass(frozen=True, slots=True)
class Stores:
    """The two stores and the cache over them, whose near tier is this process' own."""

    database: Database
    redis: Redis
    profiles_cache: Cache
    near: NearCache


@dataclass(frozen=True, slots=True)
class Security:
    """Secrets, keys, tokens, passwords, revocations: all in memory."""

    secrets: Secrets
    ring: KeyRing
    tokens: AccessTokens
    passwords: Passwords
    revocations: Revocations
    hashing_pool: HashingPool


@dataclass(frozen=True, slots=True)
class Operations:
    """What the routes and the command line call."""

    registering: Registering
    profiles: Profiles
    standing: Standing
    directory: Directory
    signing_in: SigningIn
    refreshing: Refreshing
    ending: Ending
    session_listing: Listing
    changing_password: ChangingPassword
    rotating: Rotating
    tidying: Tidying


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything one process owns."""

    settings: Settings
    clock: Clock
    metrics: Metrics
    stores: Stores
    security: Security
    charging: Charging
    operations: Operations
    hearing: Hearing
    pulse: Pulse
    following: Following


def build(settings: Settings, clock: Clock, metrics: Metrics) -> Parts:
    """Build everything; nothing is connected yet."""
    pulse = Pulse(settings.changes_late.total_seconds())
    stores = _stores(settings, clock, pulse, metrics)
    security = _security(settings, clock, metrics)
    hearing = Hearing(stores.profiles_cache, security.revocations)
    announce = Announce(hearing.hear, stores.redis, clock, metrics.changes)
    charging = _charging(settings, metrics, stores, security)
    operations = _operations(settings, metrics, stores, security, announce, charging)
    following = Following(stores.database, stores.redis, hearing.hear, clock, pulse, metrics.changes)
    return Parts(settings, clock, metrics, stores, security, charging, operations, hearing, pulse, following)


def _stores(settings: Settings, clock: Clock, pulse: Pulse, metrics: Metrics) -> Stores:
    redis = Redis(settings, metrics.stores.redis)
    rules = CacheRules(
        shared_ttl=settings.cache_ttl.total_seconds(),
        near_ttl=settings.near_ttl.total_seconds(),
        unknown_ttl=settings.unknown_ttl.total_seconds(),
        stale_if_error=settings.stale_if_error.total_seconds(),
    )
    near = NearCache(settings.near_entries, settings.near_bytes, metrics.stores.cache.near_evictions)
    cache = Cache(near, redis, rules, clock, pulse, metrics.stores.cache)
    return Stores(Database(settings, metrics.stores.database), redis, cache, near)


def _security(settings: Settings, clock: Clock, metrics: Metrics) -> Security:
    secrets = Secrets(secret.get_secret_value() for secret in settings.secret_keys)
    ring = KeyRing()
    scopes = partial(scopes_of, settings.role_scopes)
    rules = TokenRules(settings.public_url, settings.audience, settings.access_ttl, settings.token_leeway, scopes)
    hasher = argon2.PasswordHasher(settings.argon2_iterations, settings.argon2_memory_kib, 1)
    pool = HashingPool(settings.hash_threads, settings.hash_queue, settings.hash_wait, metrics.hashing)
    # As long as a token can live: it was issued before its revocation and is forgiven the leeway.
    kept = settings.access_ttl + 2 * settings.token_leeway
    return Security(
        secrets=secrets,
        ring=ring,
        tokens=AccessTokens(ring, rules, clock, settings.token_memo),
        passwords=Passwords(hasher, pool, secrets),
        revocations=Revocations(kept.total_seconds(), settings.revocation_memory),
        hashing_pool=pool,
    )


def _charging(settings: Settings, metrics: Metrics, stores: Stores, security: Security) -> Charging:
    policies = Policies(
        Policy("sign-in-account", *settings.limit_sign_in_account),
        Policy("sign-in-address", *settings.limit_sign_in_address),
        Policy("registration", *settings.limit_registration),
        Policy("refresh", *settings.limit_refresh),
        Policy("caller", *settings.limit_caller),
    )
    refunds = Refunds(stores.redis)
    counting = Counting(stores.redis, refunds, LocalCounts(), security.secrets, settings.limit_shares, Lockout())
    return Charging(settings.limits == "on", policies, counting, metrics.limits)


def _tidying(settings: Settings, metrics: Metrics, stores: Stores) -> Tidying:
    kept = {
        "sessions": settings.session_age + settings.session_retention,
        "changes": settings.changes_kept,
        "idempotency_keys": idempotency.KEPT,
        "audit_events": settings.audit_retention,
    }
    return Tidying(stores.database, kept, metrics.housekeeping)


def _operations(
    settings: Settings, metrics: Metrics, stores: Stores, security: Security, announce: Announce, charging: Charging
) -> Operations:
    database, passwords, domain = stores.database, security.passwords, metrics.domain
    lengths = Lengths(settings.session_idle, settings.session_age, settings.refresh_grace)
    pairs = Pairs(security.tokens, security.secrets)
    key_rules = KeyRules(
        settings.token_algorithm, settings.key_lead, settings.key_rotation, settings.access_ttl, settings.token_leeway
    )
    shortest = settings.password_min_length
    return Operations(
        registering=Registering(database, passwords, charging, settings.registration == "open", shortest),
        profiles=Profiles(database, stores.profiles_cache, announce),
        standing=Standing(database, announce, domain),
        directory=Directory(database),
        signing_in=SigningIn(database, passwords, pairs, announce, charging, lengths, settings.session_limit, domain),
        refreshing=Refreshing(database, pairs, announce, charging, lengths, domain),
        ending=Ending(database, announce, lengths, domain),
        session_listing=Listing(database, lengths),
        changing_password=ChangingPassword(database, passwords, pairs, announce, lengths, shortest, domain),
        tidying=_tidying(settings, metrics, stores),
        rotating=Rotating(database, security.secrets, security.ring, key_rules, announce),
    )
