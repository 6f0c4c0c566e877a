"""What is in the image, and above all what is not."""

import re
from pathlib import PurePosixPath

from service import __file__ as package
from tests.image.containers import Image
from tests.kit.programs import ROOT

PACKAGES = re.compile(r"/opt/signet/lib/python3\.\d+/site-packages/")
COMPILERS = {"cc", "c++", "gcc", "g++", "cpp", "clang", "ld", "as", "make", "cmake", "cargo", "rustc", "go"}
INSTALLERS = {"pip", "pip3", "uv", "uvx", "poetry", "easy_install", "curl", "wget", "git"}
PRIVATE = re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/]{32}")
LOCKED = re.compile(r"^([\w.-]+)==([^\s\\;]+)( ;[^\\]*)?", re.MULTILINE)


def test_nothing_in_it_compiles_or_installs(image: Image) -> None:
    programs = {path for path in image.files if PurePosixPath(path).parent.name in {"bin", "sbin"}}

    assert {path for path in programs if PurePosixPath(path).name in COMPILERS | INSTALLERS} == set()
    assert [path for path in image.files if re.search(r"/(?:pip|setuptools|ensurepip)/", path)] == []
    assert [path for path in image.files if path.endswith((".c", ".h", ".pyx")) and PACKAGES.match(path)] == []


def test_nothing_in_it_is_a_test_a_cache_or_of_the_checkout(image: Image) -> None:
    ours = [path for path in image.files if path.startswith("/app/") or PACKAGES.match(path)]
    own = {path.removeprefix("/app/").split("/")[0] for path in ours if path.startswith("/app/")}

    assert own == {"LICENSE", "NOTICE", "service"}
    assert [path for path in ours if re.search(r"/(?:tests?|\.git|\.venv|\.signet|\.cache)/", path)] == []
    assert [path for path in image.files if path.startswith(("/root/.cache/", "/tmp/", "/build/"))] == []


def test_nothing_in_it_is_secret(image: Image) -> None:
    names = re.compile(r"/(?:\.env|admin-password|id_[a-z0-9]+|.*\.key|pip\.conf|\.netrc|\.git-credentials)$")
    # The package manager's keys of the distribution are public ones.
    assert [path for path in image.files if names.search(path) and not path.startswith("/usr/share/")] == []
    assert [path for path, content in image.files.items() if PRIVATE.search(content)] == []
    settings = {line.split("=")[0] for line in image.config["Env"] if line.startswith("SIGNET_")}
    assert settings == {"SIGNET_MODE"}


def test_the_service_in_it_is_that_of_the_checkout(image: Image) -> None:
    folder = ROOT / "service"
    assert package.startswith(str(folder))
    expected = {
        f"/app/service/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    found = {path: content for path, content in image.files.items() if path.startswith("/app/service/")}

    assert {path: content for path, content in found.items() if "/__pycache__/" not in path} == expected


def test_its_packages_are_the_locked_ones(image: Image) -> None:
    lock = (ROOT / "requirements/service.txt").read_text(encoding="utf-8")
    everywhere = {(_plain(name), version) for name, version, where in LOCKED.findall(lock) if not where}
    somewhere = {(_plain(name), version) for name, version, where in LOCKED.findall(lock) if where}
    folders = {PACKAGES.sub("", path).split("/")[0] for path in image.files if PACKAGES.match(path)}
    found = {
        (_plain(name), version)
        for folder in folders
        if folder.endswith(".dist-info")
        for name, _, version in [folder.removesuffix(".dist-info").partition("-")]
    }

    assert everywhere - found == set()
    assert found - everywhere - somewhere == set()


def test_it_says_how_it_wants_to_be_run(image: Image) -> None:
    config = image.config

    assert config["User"] == "10001:10001"
    assert (config["Entrypoint"], config["Cmd"]) == (["python", "-m", "service"], ["serve"])
    assert config["StopSignal"] in {"SIGTERM", "15"}
    assert set(config["ExposedPorts"]) == {"8000/tcp", "9000/tcp"}
    assert "SIGNET_MODE=production" in config["Env"]
    assert any(line.startswith("MALLOC_MMAP_THRESHOLD_=") for line in config["Env"])
    assert "GLIBC_TUNABLES=glibc.malloc.hugetlb=1" in config["Env"]


def test_it_says_what_it_is(image: Image) -> None:
    labels = image.config["Labels"]

    kinds = {"title", "description", "licenses", "version", "revision"}
    assert {f"org.opencontainers.image.{kind}" for kind in kinds} <= set(labels)
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert re.fullmatch(r"[0-9a-f]{40}", labels["org.opencontainers.image.revision"])


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
