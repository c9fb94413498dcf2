"""What the compose stack promises: one door, nothing more rights than needed, no secrets."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(
    (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
)["services"]


def test_only_the_gateway_publishes_ports_and_on_loopback_by_default() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["gateway"]
    for port in SERVICES["gateway"]["ports"]:
        assert port.startswith("${GATEWAY_ADDRESS:-127.0.0.1}:")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"] and service["pids_limit"]
    assert "network_mode" not in service and "privileged" not in service
    if service["image"] != "revenue-model":
        assert re.fullmatch(r"[\w/-]+:v?\d[\w.]*", service["image"])  # a version, not latest


def test_no_password_is_given_and_none_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    for use in re.findall(r"\$\{(\w*(?:PASSWORD|KEY)\w*)([^}]*)\}", text):
        assert use[1] in ("", ":?missing in .env, run deploy/make-env")
    for line in text.splitlines():
        if re.search(r"(PASSWORD|_KEY)\w*:\s", line):
            assert "${" in line, line


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    linted = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), ROOT / "deploy" / "Dockerfile"],
        capture_output=True,
        text=True,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert linted.stdout == ""


needs_git = pytest.mark.skipif(not shutil.which("git"), reason="needs git")


@needs_git
def test_no_secret_is_in_the_repository() -> None:
    """By the patterns and the entropy that detect-secrets looks for, in what git tracks."""
    scan = [Path(sys.executable).with_name("detect-secrets"), "scan", "--no-verify"]
    scan += ["--exclude-lines", '"image/png": ']  # in the notebook
    scan += ["--exclude-files", "^uv.lock$"]  # nothing but hashes, and a minute's work
    done = subprocess.run(scan, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)["results"]
    assert found == {}


@needs_git
@pytest.mark.parametrize("path", [".env", "secrets/keys/clients", "secrets/tls/key.pem"])
def test_git_ignores_secrets(path: str) -> None:
    assert subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT).returncode == 0


def test_secrets_are_made_by_one_command(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    for script in ("make-env", "keys"):
        (tmp_path / "deploy" / script).write_bytes((ROOT / "deploy" / script).read_bytes())
        (tmp_path / "deploy" / script).chmod(0o755)
    first, second = (
        subprocess.run(
            [tmp_path / "deploy/make-env"], capture_output=True, text=True, check=True
        )
        for _ in range(2)
    )
    assert re.search(r"^admin-[0-9a-f]{8}:[0-9a-f]{64}$", first.stdout, re.MULTILINE)
    assert second.stdout == "" and "stays as it is" in second.stderr
    made = dict(
        line.split("=", 1)
        for line in (tmp_path / ".env").read_text().splitlines()
        if not line.startswith("#")
    )
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{(\w+)(?::\?[^}]*)?\}", text)) == set(made)
    secrets = [value for name, value in made.items() if name != "GATEWAY_USER"]
    assert len(set(secrets)) == len(secrets) and all(len(secret) == 48 for secret in secrets)
