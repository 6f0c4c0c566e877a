"""Settings of replicas with limits on."""

REPLICAS = 4
SWITCHED_ON = {
    "SIGNET_LIMITS": "on",
    "SIGNET_PROXY_HEADER": "X-Forwarded-For",
    "SIGNET_TRUSTED_PROXIES": "127.0.0.0/8",
    "SIGNET_HASH_QUEUE": "1000",
    # A busy machine is not an outage.
    "SIGNET_REDIS_TIMEOUT": "5s",
}
# Nothing refills while a test runs. Each divides by the number of processes.
LIMITS = {"sign_in_account": 12, "sign_in_address": 16, "registration": 8, "refresh": 12, "caller": 20}
SMALL_LIMITS = {
    **SWITCHED_ON,
    **{f"SIGNET_LIMIT_{name.upper()}": f"{limit}/d" for name, limit in LIMITS.items()},
    "SIGNET_LIMIT_SHARES": str(REPLICAS),
}
