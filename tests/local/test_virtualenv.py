"""What `make` does before anything else: a virtual environment that holds exactly what a lock file says."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from local.children import ROOT

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Install into a checkout whose lock file needs one package, which no network has to bring."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "requirements").mkdir()
    lock_to(folder, "tin")
    return folder, install(folder)


@pytest.fixture
def checkout(first: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path) -> Path:
    """Copy that checkout, so that a test may spoil it."""
    return Path(shutil.copytree(first[0], tmp_path / "checkout", symlinks=True))


def lock_to(checkout: Path, name: str) -> None:
    wheel = make_wheel(checkout / "requirements", name)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (checkout / "requirements" / "local.txt").write_text(f"{name}==1.0 \\\n    --hash=sha256:{digest}\n")


def make_wheel(folder: Path, name: str) -> Path:
    files = {
        f"{name}.py": "",
        f"{name}-1.0.dist-info/METADATA": METADATA.format(name=name),
        f"{name}-1.0.dist-info/WHEEL": WHEEL,
    }
    record = "".join(f"{path},sha256={digest(text)},{len(text)}\n" for path, text in files.items())
    files[f"{name}-1.0.dist-info/RECORD"] = f"{record}{name}-1.0.dist-info/RECORD,,\n"
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


def digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def install(checkout: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PIP_NO_INDEX": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_FIND_LINKS": str(checkout / "requirements"),
    }
    command = [sys.executable, "-m", "local.virtualenv", "requirements/local.txt"]
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)


def has(checkout: Path, name: str) -> bool:
    command = [str(checkout / ".venv" / "bin" / "python"), "-c", f"import {name}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_first_time_installs_and_says_so(first: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    checkout, answer = first

    assert (answer.returncode, answer.stderr) == (0, "")
    assert "Installing the 1 packages of requirements/local.txt into .venv" in answer.stdout
    assert has(checkout, "tin")


def test_the_second_time_does_nothing(checkout: Path) -> None:
    answer = install(checkout)

    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def test_a_changed_lock_file_is_installed_into_what_is_there(checkout: Path) -> None:
    lock_to(checkout, "zinc")

    answer = install(checkout)

    assert answer.returncode == 0
    assert "has been made" not in answer.stdout
    assert has(checkout, "zinc")


def test_an_interrupted_installation_is_made_afresh(checkout: Path) -> None:
    (checkout / ".venv" / "locked" / "unfinished").touch()
    (checkout / ".venv" / "bin" / "pip").unlink()

    answer = install(checkout)

    assert answer.returncode == 0
    assert ".venv has been made" in answer.stdout
    assert (checkout / ".venv" / "bin" / "pip").exists()
    assert has(checkout, "tin")


def test_a_folder_that_venv_has_only_begun_is_made_afresh(checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    (checkout / ".venv" / "bin").mkdir(parents=True)

    assert install(checkout).returncode == 0
    assert has(checkout, "tin")


def test_what_pip_refuses_is_one_sentence(checkout: Path) -> None:
    lock = checkout / "requirements" / "local.txt"
    lock.write_text(lock.read_text().replace("tin", "zinc"))
    make_wheel(checkout / "requirements", "zinc")

    answer = install(checkout)

    assert answer.returncode == 1
    assert answer.stderr.startswith("signet: pip could not install requirements/local.txt: ")
    assert answer.stderr.count("\n") == 1
