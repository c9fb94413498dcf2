"""The door: a real nginx before real model servers and a real sidecar."""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.examples import INSTALL
from tests.modes import needs, repeats
from tests.system.gateway import (
    Gateway,
    gateway,
    gateway_folder,
    json_lines,
    key,
    model_server,
    start_command,
    wait_until,
)
from tests.system.servers import ANSWER_S, BUSY_S, Store, free_port, running

pytestmark = [pytest.mark.long, needs("nginx", "openssl", "setpriv")]

BODY = {"dataframe_records": [INSTALL]}
JSON = {"Content-Type": "application/json"}
SECRET = "hunter2"  # pragma: allowlist secret, in hostile payloads; no answer may repeat it
INSIDE = ("Traceback", 'File "', "site-packages", "/tmp/", "/work", ".py", "mlflow", SECRET)
FUZZED_BODIES = repeats("REVENUE_FUZZED_BODIES", short=300, long=2000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("door")


@pytest.fixture(scope="module")
def models(store: Store, folder: Path) -> Iterator[str]:
    spool = str(folder / "spool")
    settings = {"REVENUE_PREDICTION_LOG": spool, "REVENUE_LOG_FORMAT": "json"}
    with model_server(store, folder / "model", **settings) as (models, _):
        yield models


@pytest.fixture(scope="module")
def door(models: str, folder: Path) -> Iterator[Gateway]:
    """A gateway with a model server and the sidecar that collects its log."""
    spool = str(folder / "spool")
    sidecar = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "revenue_model.sidecar.app", "--port", sidecar[10:]]
    state = {"REVENUE_STATE_DIR": str(folder), "REVENUE_PREDICTION_LOG": spool}
    state |= {
        "REVENUE_LOG_FORMAT": "json",
        "MODEL_SERVER_URL": f"http://{models}",
        "REVENUE_POLL_S": "0.05",
    }
    ready = f"http://{sidecar}/stats"
    with (
        running(command, ready, cwd=folder, environment=os.environ | state),
        gateway(MODEL_SERVERS=models, SIDECAR=sidecar) as door,
    ):
        yield door


@pytest.fixture(scope="module")
def client(door: Gateway) -> Iterator[httpx.Client]:
    with door.client(door.client_key) as client:
        yield client


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The error `answer`: of this status, JSON, and nothing of the inside in it."""
    assert answer.status_code == status, (answer.status_code, answer.text[:500])
    assert answer.headers["content-type"] == "application/json"
    for word in INSIDE:
        assert word not in answer.text, answer.text[:500]
    said: dict[str, Any] = answer.json()
    assert set(said) == {"error_code", "message", "request_id"}
    assert answer.headers["x-request-id"] == said["request_id"] != ""
    assert len(answer.text) < 700
    return said


def test_a_request_with_a_key_is_answered_logged_and_counted(
    door: Gateway, client: httpx.Client
) -> None:
    answer = client.post("/invocations", json=BODY, headers={"X-Request-ID": "ask-1"})
    assert answer.status_code == 200
    assert answer.json()["predictions"][0]["predicted_revenue"] >= 0
    assert answer.headers["x-request-id"] == "ask-1"
    name = door.client_key.partition(":")[0]
    wait_until(lambda: "ask-1" in [line["request_id"] for line in door.access_log()])
    [line] = [line for line in door.access_log() if line["request_id"] == "ask-1"]
    assert (line["key"], line["status"], line["method"]) == (name, 200, "POST")
    assert line["path"] == "/invocations" and line["time_s"] > 0 and line["upstream"]
    wait_until(lambda: client.get("/stats").json()["total_predictions"] >= 1)


def log_of(server: Path) -> list[dict[str, Any]]:
    """The log of a server, each line of it one JSON object."""
    lines = json_lines(server / "server.log")
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    return lines


def test_one_request_id_is_in_the_logs_of_all_and_in_the_prediction_log(
    door: Gateway, client: httpx.Client, folder: Path
) -> None:
    refused = {"dataframe_records": [INSTALL | {"event_1": -1, "country": SECRET}]}
    asked = {
        client.post(path, json=body).headers["x-request-id"]: (path, status)
        for path, body, status in (
            ("/invocations", BODY, 200),
            ("/invocations", refused, 400),
            ("/predict", INSTALL, 200),
        )
    }
    # A server may write its line after the answer: nginx always does.
    logs = (door.access_log, lambda: log_of(folder / "model"), lambda: log_of(folder))
    wait_until(lambda: [len(ends_of(log(), asked)) for log in logs] == [3, 3, 1])
    gateways, models, [sidecars] = (ends_of(log(), asked) for log in logs)
    assert [(line["path"], line["status"]) for line in gateways] == [*asked.values()]
    assert [line["path"] for line in models] == ["/invocations"] * 3
    assert [line["status"] for line in models] == [200, 400, 200]
    assert sidecars["message"] == "POST /predict 200" and sidecars["time_s"] > 0
    segments = "".join(path.read_text() for path in (folder / "spool").glob("*.log"))
    for request_id in asked:
        assert f"\t{request_id}\t1\t" in segments
    for server in (folder, folder / "model"):
        text = (server / "server.log").read_text()
        assert SECRET not in text and door.client_key.partition(":")[2] not in text


def ends_of(lines: list[dict[str, Any]], asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines that tell the end of the requests `asked`."""
    return [line for line in lines if "status" in line and line.get("request_id") in asked]


def test_without_a_key_nothing_opens(door: Gateway) -> None:
    with door.client() as stranger:
        for path in ("/", "/stats", "/health", "/metrics", "/docs", "/model/info", "/nothing"):
            answer = stranger.get(path)
            problem(answer, 401)
            assert answer.headers["www-authenticate"].startswith("Basic")
        problem(stranger.post("/invocations", json=BODY), 401)
        bearer = {"Authorization": f"Bearer {door.client_key}"}
        answer = stranger.get("/stats", headers=bearer)
        problem(answer, 401)
        assert "HTTP Basic" in answer.json()["message"]
        assert stranger.get("/ping").status_code == 200
    with door.client(port=door.mlflow_port) as stranger:
        problem(stranger.get("/"), 401)
        problem(stranger.get("/api/2.0/mlflow/experiments/search"), 401)


def test_a_wrong_key_is_refused(door: Gateway) -> None:
    name, _, secret = door.client_key.partition(":")
    for wrong in (f"{name}:{secret[:-1]}", f"{name}:", f"nobody:{secret}"):
        with door.client(wrong) as stranger:
            problem(stranger.post("/invocations", json=BODY), 403)
            # A browser asks again only after 401.
            problem(stranger.get("/", headers={"Accept": "text/html"}), 401)


def test_only_an_admin_reaches_mlflow(door: Gateway) -> None:
    with door.client(door.client_key, door.mlflow_port) as client:
        problem(client.get("/"), 403)
    with door.client(door.admin_key, door.mlflow_port) as admin:
        problem(admin.get("/"), 503)  # let in; there is none behind this gateway
    with door.client(door.admin_key) as admin:
        assert admin.get("/stats").status_code == 200


def test_a_page_of_another_origin_is_refused(door: Gateway, client: httpx.Client) -> None:
    for origin in ("https://evil.example", "null", f"http://localhost:{door.port}"):
        problem(client.post("/invocations", json=BODY, headers={"Origin": origin}), 403)
    own = {"Origin": f"https://localhost:{door.port}"}
    answer = client.post("/invocations", json=BODY, headers=own)
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_a_key_is_made_and_revoked_while_the_gateway_runs(door: Gateway) -> None:
    made = key(door.folder, "add", "partner")
    name = made.partition(":")[0]
    with door.client(made) as client:
        assert client.post("/invocations", json=BODY).status_code == 200
        assert f"{name} client" in key(door.folder, "list").splitlines()
        key(door.folder, "revoke", name)
        problem(client.post("/invocations", json=BODY), 403)
    with door.client(door.client_key) as client:
        assert client.post("/invocations", json=BODY).status_code == 200
    assert made.partition(":")[2] not in (door.folder / "secrets/keys/clients").read_text()


def test_each_key_has_a_rate_of_its_own() -> None:
    with gateway(GATEWAY_RATE="1", GATEWAY_BURST="3") as door:
        over: list[httpx.Response] = []

        def many_are_over() -> bool:
            over.extend(asking.get("/stats") for _ in range(10))
            over[:] = [answer for answer in over if answer.status_code == 429]
            return len(over) >= 5

        with door.client(door.client_key) as asking:
            wait_until(many_are_over)
        problem(over[0], 429)
        assert over[0].headers["retry-after"] == "1"
        with door.client(door.admin_key) as other:
            assert other.get("/stats").status_code == 503  # not limited; there is no sidecar


def test_no_server_is_said_so_in_json() -> None:
    with gateway() as alone, alone.client(alone.client_key) as client:
        for answer in (client.post("/invocations", json=BODY), client.get("/stats")):
            said = problem(answer, 503)
            assert said["error_code"] == "TEMPORARILY_UNAVAILABLE"
            assert answer.headers["retry-after"] == "5"
        problem(client.get("/ping"), 503)


def test_a_killed_server_costs_only_what_was_in_flight(
    models: str, store: Store, folder: Path
) -> None:
    clients = 6
    asked: list[list[tuple[float, int]]] = [[] for _ in range(clients)]  # begun at, status
    stop = threading.Event()
    with ExitStack() as stack:
        killed, process = stack.enter_context(model_server(store, folder / "killed"))
        both = stack.enter_context(gateway(MODEL_SERVERS=f"{models} {killed}"))
        workers = psutil.Process(process.pid).children(recursive=True)

        def ask(mine: list[tuple[float, int]]) -> None:
            with both.client(both.client_key) as client:
                while not stop.is_set():
                    begun_at = time.monotonic()
                    status = client.post("/invocations", json=BODY).status_code
                    mine.append((begun_at, status))

        threads = [threading.Thread(target=ask, args=(mine,)) for mine in asked]
        for thread in threads:
            thread.start()
        wait_until(lambda: all(len(mine) > 20 for mine in asked))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        psutil.wait_procs(workers, BUSY_S)
        gone_at = time.monotonic()
        seen = [len(mine) for mine in asked]
        wait_until(
            lambda: all(len(mine) > before + 50 for mine, before in zip(asked, seen, strict=True))
        )
        stop.set()
        for thread in threads:
            thread.join()
        lines = [line for line in both.access_log() if line["path"] == "/invocations"]
    assert {models, killed} <= {line["upstream"] for line in lines}
    # What the dying server had accepted is not asked again, as it may be in its log; all
    # that comes when it is gone is answered by the other.
    failed = [begun_at for mine in asked for begun_at, status in mine if status != 200]
    assert all(begun_at < gone_at for begun_at in failed)
    assert {(line["status"], line["upstream"]) for line in lines if line["status"] != 200} <= {
        (503, killed)
    }


def test_our_refusals_name_the_field_and_nothing_else(client: httpx.Client) -> None:
    bad: dict[str, tuple[Any, str]] = {
        "negative": (
            {"dataframe_records": [INSTALL, INSTALL | {"event_2": -3}]},
            "Column 'event_2', row 2: expected a finite number of 0 or more.",
        ),
        "no text": (
            {"dataframe_records": [INSTALL | {"country": [SECRET]}]},
            "Column 'country', row 1: expected text.",
        ),
        "text for a number": (
            {"dataframe_records": [INSTALL | {"event_2": SECRET}]},
            "Failed to convert column event_2 to type 'float64'.",
        ),
        "no column": (
            {"dataframe_records": [{k: v for k, v in INSTALL.items() if k != "source"}]},
            "Model is missing inputs ['source'].",
        ),
        "a wrong parameter": (
            BODY | {"params": {"interval": SECRET}},
            "Failed to validate type and shape for 'interval'.",
        ),
    }
    for body, expected in bad.values():
        answer = client.post("/invocations", json=body)
        assert problem(answer, 400)["message"] == expected
    answer = client.post("/invocations", content=f'{{"{SECRET}', headers=JSON)
    expected = "Ensure that input is a valid JSON formatted string."
    assert problem(answer, 400)["message"] == expected
    for header in ({"Content-Type": "text/xml"}, {}):
        answer = client.post("/invocations", content=b"{}", headers=header)
        assert "Content-Type must be application/json" in problem(answer, 415)["message"]
    problem(client.get("/invocations"), 405)


HOSTILE: dict[str, tuple[bytes, dict[str, str]]] = {
    "deep JSON": (b"[" * 200_000, JSON),
    "deep JSON in a record": (
        b'{"dataframe_records": [' + b'{"country": ' * 50_000 + b"1" + b"}" * 50_000 + b"]}",
        JSON,
    ),
    "infinity": (
        json.dumps({"dataframe_records": [INSTALL | {"event_1": 1e999}]}).encode(),
        JSON,
    ),
    "a huge number": (b'{"dataframe_records": [{"event_1": ' + b"9" * 10_000 + b"}]}", JSON),
    "invalid UTF-8": (b'{"dataframe_records": [{"country": "\xff\xfe"}]}', JSON),
    "a null byte": (b'{"dataframe_records": \x00}', JSON),
    "an empty body": (b"", JSON),
    "text for JSON": (f"{SECRET} /etc/passwd".encode(), JSON),
    "CSV in another encoding": (b"\xff\xfea\x00", {"Content-Type": "text/csv"}),
    "empty CSV": (b"", {"Content-Type": "text/csv"}),
    "ragged CSV": (b"a,b\n1\n1,2,3,4\n", {"Content-Type": "text/csv"}),
    "half a Parquet": (b"PAR1" * 20, {"Content-Type": "application/vnd.apache.parquet"}),
    "a strange charset": (b"{}", {"Content-Type": "application/json; charset=utf-7"}),
    "a type with a parameter": (b"{}", {"Content-Type": f"application/json; a={SECRET}"}),
    "a pickle": (b"\x80\x04cos\nsystem\n.", {"Content-Type": "application/x-python-pickle"}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_refused_and_shows_nothing(client: httpx.Client, name: str) -> None:
    body, headers = HOSTILE[name]
    answer = client.post("/invocations", content=body, headers=headers)
    problem(answer, 415 if answer.status_code == 415 else 400)


def test_nan_is_missing_and_a_thousand_columns_are_ignored(client: httpx.Client) -> None:
    text = json.dumps({"dataframe_records": [INSTALL | {"event_1": float("nan")}]})
    assert client.post("/invocations", content=text, headers=JSON).status_code == 200
    wide = INSTALL | {f"column_{i}": i for i in range(1000)}
    answer = client.post("/invocations", json={"dataframe_records": [wide]})
    expected = client.post("/invocations", json=BODY)
    assert answer.json() == expected.json()


def test_a_body_over_the_limit_is_refused(door: Gateway) -> None:
    """100 MB, once announced by its length and once in chunks of unknown number."""
    megabyte = bytes(1 << 20)
    for announced in (True, False):
        connection = http.client.HTTPSConnection(
            "localhost", door.port, context=door.tls, timeout=ANSWER_S
        )
        connection.putrequest("POST", "/invocations")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Authorization", basic(door.client_key))
        how = ("Content-Length", str(100 << 20)) if announced else ("Transfer-Encoding", "chunked")
        connection.putheader(*how)
        connection.endheaders()
        try:
            for _ in range(100):
                connection.send(megabyte if announced else b"100000\r\n" + megabyte + b"\r\n")
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass  # answered and closed before all was sent
        answer = connection.getresponse()
        assert answer.status == 413
        assert json.loads(answer.read())["error_code"] == "REQUEST_TOO_LARGE"
        connection.close()


def basic(key: str) -> str:
    return f"Basic {base64.b64encode(key.encode()).decode()}"


def test_those_who_dawdle_do_not_keep_others_waiting(door: Gateway) -> None:
    head = b"POST /invocations HTTP/1.1\r\nHost: localhost\r\n"
    half = (
        head + f"Authorization: {basic(door.client_key)}\r\nContent-Length: 500\r\n\r\n{{".encode()
    )
    with gateway(GATEWAY_CLIENT_TIMEOUT="5s") as quick, ExitStack() as stack:
        half = half.replace(basic(door.client_key).encode(), basic(quick.client_key).encode())
        dawdlers = []
        for start in (head, half) * 50:
            plain = socket.create_connection(("localhost", quick.port))
            dawdlers.append(
                stack.enter_context(quick.tls.wrap_socket(plain, server_hostname="localhost"))
            )
            dawdlers[-1].sendall(start)
        with quick.client(quick.client_key) as client:
            assert client.get("/stats").status_code == 503  # answered: there is no sidecar
        for dawdler in dawdlers:
            dawdler.settimeout(ANSWER_S)
            answer = b""
            with suppress(ConnectionResetError):  # as nginx.conf has it
                answer = dawdler.recv(4096)
            assert answer == b"" or b" 408 " in answer.partition(b"\r\n")[0]


def test_a_fuzzed_body_gets_an_answer_or_a_refusal(client: httpx.Client) -> None:
    """Every answer is 200 or 4xx in JSON with nothing of the inside."""
    dice = random.Random(7)
    statuses = dict.fromkeys((200, 400, 415), 0)
    for _ in range(FUZZED_BODIES):
        body, headers = fuzzed(dice)
        answer = client.post("/invocations", content=body, headers=headers)
        assert answer.status_code in statuses, (body[:300], headers, answer.text[:300])
        statuses[answer.status_code] += 1
        if answer.status_code != 200:
            problem(answer, answer.status_code)
    assert all(statuses.values())


def fuzzed(dice: random.Random) -> tuple[bytes, dict[str, str]]:
    """A request for an install, damaged in one of many ways."""
    row: dict[str, Any] = dict(INSTALL)
    for name in dice.sample(list(row), dice.randint(0, 3)):
        row[name] = anything(dice)
    shape = dice.choice(("dataframe_records", "dataframe_split", "instances", "inputs", "x"))
    value: Any = [row] * dice.randint(0, 3)
    if shape == "dataframe_split":
        value = {"columns": list(row), "data": [list(row.values())]}
    body: Any = {shape: anything(dice) if dice.random() < 0.2 else value}
    if dice.random() < 0.3:
        body["params"] = anything(dice)
    if dice.random() < 0.1:
        body = anything(dice)
    content = json.dumps(body).encode()
    if dice.random() < 0.3:
        spoiled = bytearray(content)
        for _ in range(dice.randint(1, 4)):
            spoiled[dice.randrange(len(spoiled))] = dice.randrange(256)
        content = bytes(spoiled)
    if dice.random() < 0.1:
        content = content[: dice.randrange(len(content))]
    types = ["application/json"] * 8 + ["text/csv", "application/vnd.apache.parquet"]
    types += ["", "application/json; charset=latin-1", "json", "a/b;c=d;e"]
    return content, {"Content-Type": dice.choice(types)}


def anything(dice: random.Random, depth: int = 3) -> Any:
    """Any JSON value, the nasty ones more often."""
    if depth and dice.random() < 0.4:
        inner = [anything(dice, depth - 1) for _ in range(dice.randint(0, 3))]
        names = (dice.choice((*INSTALL, "interval", "explain", "", SECRET)) for _ in inner)
        return inner if dice.random() < 0.5 else dict(zip(names, inner, strict=True))
    nasty = (None, True, False, 0, -1, 1e308, -1e308, 1e999, float("nan"), 10**30, -0.0, "")
    texts = (
        SECRET,
        "\x00",
        "\ud800",
        "%s%n",
        "../../etc/passwd",
        "x" * 5000,
        "é😀",
        "1e5",
        "nan",
    )
    return dice.choice(nasty + texts)


@pytest.mark.parametrize("wrong", ["keys/clients, line 2", "certificate.pem expired"])
def test_a_gateway_with_a_wrong_file_names_it_and_does_not_start(wrong: str) -> None:
    with gateway_folder() as folder:
        key(folder, "add", "growth")
        if "keys" in wrong:
            with (folder / "secrets/keys/clients").open("a") as clients:
                clients.write("partner plain-secret\n")
        else:
            certificate(folder / "secrets/tls", days=-1)
        command, environment, _ = start_command(folder)
        refused = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert refused.returncode == 2
        assert wrong in refused.stderr and str(folder) in refused.stderr


def certificate(folder: Path, *, days: int) -> None:
    """A self-signed one and its key in `folder`, valid for so many days from now."""
    folder.mkdir(exist_ok=True)
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    command += f" -subj /CN=localhost -keyout {folder}/key.pem -out {folder}/new.pem"
    subprocess.run(command.split(), check=True, capture_output=True)
    sign = f"openssl x509 -in {folder}/new.pem -signkey {folder}/key.pem -days {days}"
    sign += f" -out {folder}/certificate.pem"
    subprocess.run(sign.split(), check=True, capture_output=True)


def test_a_new_certificate_is_taken_up_while_the_gateway_runs(tmp_path: Path) -> None:
    certificate(tmp_path / "new", days=7)
    new = (tmp_path / "new/certificate.pem").read_text()
    with gateway() as door:
        address = ("localhost", door.port)
        assert ssl.get_server_certificate(address).split() != new.split()
        for name in ("key.pem", "certificate.pem"):  # written over: they keep their owner
            text = (tmp_path / "new" / name).read_text()
            (door.folder / "secrets/tls" / name).write_text(text)
        wait_until(lambda: ssl.get_server_certificate(address).split() == new.split())


def test_a_port_in_use_ends_the_gateway_and_is_named() -> None:
    with gateway_folder() as folder, socket.socket() as taken:
        key(folder, "add", "growth")
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        command, environment, _ = start_command(folder, GATEWAY_LISTEN=address)
        refused = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=ANSWER_S
        )
        assert refused.returncode != 0
        assert f"bind() to {address} failed" in refused.stderr
