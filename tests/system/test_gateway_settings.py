"""Whatever a setting of the gateway holds arrives as it is, or is refused by its name."""

from __future__ import annotations

import http.server
import subprocess
import threading
from collections.abc import Iterator

import psutil
import pytest

from tests.modes import needs
from tests.system.gateway import gateway, gateway_folder, key, start_command

pytestmark = [pytest.mark.long, needs("nginx", "openssl")]

PRINTABLE = "".join(chr(code) for code in range(33, 127) if chr(code) != ",")


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the key that it was asked with."""

    def do_GET(self) -> None:
        body = str(self.headers.get("Authorization")).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("sidecar_key", "prefix"),
    [
        ("plain", "my checkout "),
        (PRINTABLE, 'it\'s; {a} & \\ "|" '),
        ("\\1&$x${y}@HERE@", "a#b%"),
    ],
)
def test_a_key_reaches_the_sidecar_as_it_is_from_any_folder(
    echo: str, sidecar_key: str, prefix: str
) -> None:
    with gateway(prefix, SIDECAR=echo, SIDECAR_KEY=sidecar_key) as door:
        with door.client(door.admin_key) as admin:
            assert admin.get("/stats").text == f"Bearer {sidecar_key}"
        running = psutil.process_iter(["cmdline"])
        words = [word for each in running for word in each.info["cmdline"] or ()]
        assert not any(sidecar_key in word for word in words if sidecar_key != "plain")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SIDECAR_KEY", "two words"),
        ("SIDECAR_KEY", "one,two"),
        ("SIDECAR_KEY", "schl\u00fcssel"),
        ("SIDECAR_KEY", "line\nbreak"),
        ("GATEWAY_ACCESS_LOG", "/tmp/$host.log"),
        ("GATEWAY_LISTEN", "127.0.0.1:8443; include /etc/passwd"),
        ("GATEWAY_RATE", "fast"),
        ("GATEWAY_MAX_BODY", "10 m"),
        ("GATEWAY_CLIENT_TIMEOUT", "soon"),
        ("MODEL_SERVERS", "model"),
        ("SIDECAR", "side|car:5001"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(name: str, value: str) -> None:
    with gateway_folder() as folder:
        key(folder, "add", "growth")
        command, environment, _ = start_command(folder, **{name: value})
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: {name}")
        assert not (folder / "state" / "nginx.conf").exists()
