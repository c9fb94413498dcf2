"""The page at / in headless Chromium: real clicks, real numbers."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from revenue_model.model.schema import Schema
from tests.modes import needs
from tests.sidecar.conftest import Writer
from tests.sidecar.test_app import wait_for
from tests.sidecar.test_process import sidecar
from tests.system.servers import ANSWER_S, free_port, running

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver's name for a reference

pytestmark = [pytest.mark.long, needs("chromedriver", "chromium")]


class Browser:
    """A headless Chromium, by the WebDriver protocol."""

    def __init__(self, driver: str, width: int) -> None:
        self._client = httpx.Client(base_url=driver, timeout=ANSWER_S)
        arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--window-size={width},1600",
        ]
        options = {"goog:chromeOptions": {"args": arguments}}
        wanted = {"capabilities": {"alwaysMatch": {"browserName": "chrome"} | options}}
        self._session = f"/session/{self._post('/session', **wanted)['sessionId']}"

    def _post(self, path: str, **body: object) -> Any:
        answer = self._client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["value"]

    def open(self, url: str) -> None:
        self._post(f"{self._session}/url", url=url)

    def click(self, selector: str) -> None:
        found = self._post(f"{self._session}/element", using="css selector", value=selector)
        self._post(f"{self._session}/element/{found[ELEMENT]}/click")

    def run(self, script: str) -> Any:
        return self._post(f"{self._session}/execute/sync", script=f"return {script}", args=[])

    def text(self, selector: str) -> str:
        return str(self.run(f"document.querySelector({selector!r})?.innerText"))

    def screenshot(self, path: Path) -> None:
        value = self._client.get(f"{self._session}/screenshot").json()["value"]
        path.write_bytes(base64.b64decode(value))

    def close(self) -> None:
        self._client.delete(self._session)
        self._client.close()


@pytest.fixture(params=[1280, 500], ids=["desktop", "phone"])
def browser(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Browser]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running(
        ["chromedriver", f"--port={port}"],
        f"{url}/status",
        cwd=tmp_path,
        environment=dict(os.environ),
    ):
        browser = Browser(url, request.param)
        yield browser
        browser.close()


def test_the_page_shows_what_was_predicted_and_goes_on_showing_it(
    browser: Browser,
    database_url: str,
    folder: Path,
    writer: Callable[..., Writer],
    tmp_path: Path,
) -> None:
    one = writer()
    one.log([0.0, 2.0, 4.0], platform="ios")
    asked: dict[str, Any] = {"country": "pe", "platform": "android", "user_id": "u-2"}
    one.log([10.0], request_id="r", **asked)
    writer("2", shadow=True).log([12.0], request_id="r", **asked)
    settings = {"DATABASE_URL": database_url, "REVENUE_PREDICTION_LOG": str(folder)}
    with sidecar(tmp_path / "state", "/stats", **settings) as (client, _):
        wait_for(lambda: client.get("/stats").json()["total_predictions"] == 4)
        browser.open(str(client.base_url))
        wait_for(lambda: browser.text("#tiles div:first-child dd") == "4")
        assert "25%" in browser.text("#tiles")
        assert browser.text("#state") == "all predictions are logged"
        wait_for(lambda: browser.text("#groups tbody tr").split() == ["us", "3", "2", "6"])

        browser.click("[data-segment=platform]")
        android = ["android", "1", "10", "10"]
        wait_for(lambda: browser.text("#groups tbody tr:nth-child(2)").split() == android)
        browser.click("[data-hours='720']")
        wait_for(lambda: browser.text("#unit") == "each day")

        one.log([5.0] * 6)
        wait_for(lambda: browser.text("#tiles div:first-child dd") == "10")

        outcomes = [{"user_id": "u-1", "revenue": 1.5}]
        assert client.post("/outcomes", json=outcomes).json()["waiting"] == 1
        young = ["1", "0%", "of", "2", "0"]
        wait_for(lambda: browser.text("#realised tbody tr:nth-child(2)").split()[:5] == young)
        beside = browser.text("#compared tbody").split()
        assert beside[:6] == ["2", "in", "shadow", "1", "12", "1.2"]
        assert beside[10:13] == ["1", "1", "10"]
        wait_for(lambda: "country" in browser.text("#drift tbody"))
        assert "version 1 against the time before" in browser.text("#drift-verdict")

        wide = browser.run("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0
        assert browser.run("document.querySelectorAll('.chart canvas').length") == 3
        hosts = browser.run(
            "[...new Set(performance.getEntriesByType('resource')"
            ".map((entry) => new URL(entry.name).host))]"
        )
        assert hosts == [f"127.0.0.1:{client.base_url.port}"]
        browser.screenshot(tmp_path / "page.png")


def test_the_page_shows_the_columns_of_any_studio(
    browser: Browser, database_url: str, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "studio.toml"
    path.write_text(
        "[categorical.channel]\nsegment = true\n[categorical.shop_front]\nsegment = true\n"
        "[event.ads]\n[target.money]\n[id.player]\n"
    )
    settings = {"DATABASE_URL": database_url, "REVENUE_PREDICTION_LOG": str(folder)}
    with sidecar(tmp_path / "state", "/stats", **settings) as (client, _):
        browser.open(str(client.base_url))
        wait_for(lambda: "each segment column" in browser.text("#groups tbody"))
        wait_for(lambda: "POST /outcomes" in browser.text("#realised tbody"))
        wait_for(lambda: "challenger" in browser.text("#compared tbody"))
        wait_for(lambda: "predictions" in browser.text("#drift tbody"))
        assert browser.text("#segments") == "model version"

        one = Writer(folder, Schema.read(path), "1")
        one.log([1.0, 2.0], channel="Video", shop_front="web", ads=3.0, player="p-1")
        one.log([9.0], channel="search", shop_front="app", ads=0.0, player="p-2")
        wait_for(lambda: browser.text("#tiles div:first-child dd") == "3")
        wait_for(lambda: "shop front" in browser.text("#segments"))
        browser.click("[data-segment=channel]")
        video = ["video", "2", "1.5", "3"]
        wait_for(lambda: browser.text("#groups tbody tr").split() == video)
        browser.click("[data-segment=shop_front]")
        wait_for(lambda: browser.text("#groups tbody tr:nth-child(2)").startswith("app"))
        wait_for(lambda: "channel" in browser.text("#drift tbody"))
        assert browser.text("#state") == "all predictions are logged"
        assert browser.run("document.querySelector('#state').className") == "ok"
        browser.screenshot(tmp_path / "page.png")
