"""What would break later is refused while rendering, in words that say what to do instead."""

import helm_python
import pytest

from tests.kit.rendering import Manifest, manifests, render, with_secrets


def refusal(values: Manifest) -> str:
    with pytest.raises(helm_python.HelmError) as refused:
        render(values)
    return str(refused.value)


def test_without_a_cluster_secrets_are_asked_for_not_made() -> None:
    said = refusal({})

    assert "kubectl --namespace identity create secret generic signet-secrets" in said
    for key in ("secret-keys", "admin-password", "postgres-password", "postgres-superuser-password", "redis-password"):
        assert f'--from-literal={key}="$(openssl rand -' in said
    assert "--set existingSecret=signet-secrets" in said
    assert manifests({"existingSecret": "signet-secrets"})


def test_only_those_secrets_are_asked_for_that_are_missing() -> None:
    external = {"mode": "external", "external": {"existingSecret": "given"}}
    said = refusal({"postgres": external, "redis": external, "admin": {"email": ""}})

    assert "--from-literal=secret-keys" in said
    assert said.count("--from-literal") == 1


@pytest.mark.parametrize(
    ("values", "sum_of_all", "way"),
    [
        ({"replicaCount": 10}, "= 145, and postgres.maxConnections is 100", "Lower settings.database_pool to 6"),
        ({"replicaCount": 90}, "= 1025", "Lower replicaCount, or raise postgres.maxConnections to 1025"),
        (
            {"autoscaling": {"enabled": True, "maxReplicas": 6}, "postgres": {"maxConnections": 100}},
            "(6 autoscaling.maxReplicas + 2 x 1 surge) x 1 settings.workers x (10 settings.database_pool + 1)",
            "raise postgres.maxConnections to 101",
        ),
        ({"settings": {"workers": 4}}, "= 189", "Lower settings.database_pool to 4"),
        ({"strategy": {"maxSurge": "100%"}, "replicaCount": 3}, "2 x 3 surge", "to 112"),
        ({"postgres": {"reservedConnections": 60}}, "= 107", "raise postgres.maxConnections to 107"),
    ],
)
def test_more_connections_than_postgres_has_are_refused(values: Manifest, sum_of_all: str, way: str) -> None:
    said = refusal(with_secrets(values))

    assert sum_of_all in said
    assert way in said


def test_what_fits_exactly_is_rendered_and_what_the_refusal_says_is_true() -> None:
    # (2 + 2 x 1) x 1 x (10 + 1) + 3 + 10 = 57
    assert manifests(with_secrets({"postgres": {"maxConnections": 57}}))
    assert "raise postgres.maxConnections to 57" in refusal(with_secrets({"postgres": {"maxConnections": 56}}))
    assert manifests(with_secrets({"replicaCount": 10, "settings": {"database_pool": 6}}))


def test_a_pooler_has_its_own_arithmetic() -> None:
    def cluster(**pooler: int) -> Manifest:
        return with_secrets({"postgres": {"mode": "cloudnative-pg", "cloudnativePg": {"pooler": pooler}}})

    assert manifests(cluster())
    assert "Raise postgres.cloudnativePg.pooler.maxClientConnections to 22" in refusal(cluster(maxClientConnections=10))
    assert "Raise postgres.maxConnections to 113" in refusal(cluster(poolSize=50))


@pytest.mark.parametrize("mode", ["bundled", "cloudnative-pg"])
def test_a_hook_can_not_wait_for_a_database_of_its_own_release(mode: str) -> None:
    said = refusal(with_secrets({"migrations": {"mode": "hook"}, "postgres": {"mode": mode}}))

    assert f"With postgres.mode={mode} set migrations.mode=job (the default) or initContainer" in said


@pytest.mark.parametrize("store", ["postgres", "redis"])
def test_an_external_store_needs_its_address(store: str) -> None:
    said = refusal(with_secrets({store: {"mode": "external"}}))

    assert f"create secret generic my-{store} --from-literal=" in said
    assert f"--set {store}.external.existingSecret=my-{store}" in said


@pytest.mark.parametrize(
    "values",
    [
        {"replicas": 3},
        {"settings": {"acess_ttl": "5min"}},
        {"settings": {"database_url": "postgresql://a/b"}},
        {"settings": {"limits": False}},
        {"postgres": {"mode": "sqlite"}},
        {"settings": {"drain": "PT5S"}},
    ],
)
def test_values_that_do_not_exist_are_refused(values: Manifest) -> None:
    assert "values don't meet the specifications of the schema" in refusal(with_secrets(values))


def test_routes_without_a_door_are_refused() -> None:
    assert "httpRoute.parentRefs[0].name=my-gateway" in refusal(with_secrets({"httpRoute": {"enabled": True}}))
    assert "ingress.hosts[0]=id.example.com" in refusal(with_secrets({"ingress": {"enabled": True}}))
