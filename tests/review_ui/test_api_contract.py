"""The API as its description promises it: against the running server, with whatever a program may send."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok

from core.config import Config, Detector
from core.pictures.photo_request import ask
from core.redis_client import connect
from core.settings import Settings
from db.models import Role
from db.session import Database
from detector.engines.choose import choose_engine
from detector.worker import DetectorWorker
from review_ui.alerts.api import last_seen
from review_ui.app import create_app
from review_ui.rendering.openapi import examples
from rollout.alerting.appeals import open_appeal
from tests.support.api_tour import NO, shape, walk
from tests.support.pages import SAME_ORIGIN, Clock, Stage, served
from tests.support.rollout.rollout_pages import RolloutStage

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "review_ui" / "api_examples.json"
PHOTO = ROOT / "simulation" / "cameras" / "assets" / "brown-bear.png"
EXAMPLES_EACH = 3
"""Of good and of bad requests, for each operation; `make chaos` is the place for more."""
ENDLESS = {"/api/v1/events"}
PROMISES = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")


@dataclass(frozen=True)
class Running:
    """A served page in which something has happened, and an administrator's cookie."""

    url: str
    description: dict[str, Any]
    cookies: dict[str, str]


@pytest.fixture
def detector(redis_url: str) -> Iterator[None]:
    """A detector that runs, with a real network for small pictures."""
    stop, client = threading.Event(), connect(redis_url)
    worker = DetectorWorker(choose_engine("cpu", "lite2@160", threads=1), Detector(), client, [0])
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    ask(client, PHOTO.read_bytes(), wait_s=120)  # the first photo waits for a process and a network
    yield
    stop.set()
    thread.join()
    client.close()


@pytest.fixture
def running(sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path) -> Iterator[Running]:
    clock = Clock()
    app = create_app(Settings(redis_url=redis_url, bearwatch_data=tmp_path), config, sqlite_database, clock=clock)
    page = Stage(app, sqlite_database, config, app.state.site.media, clock)
    admin = page.person("admin", Role.ADMINISTRATOR)
    page.person("ranger")
    with served(app) as url:
        page.alert("upper-creek")
        seen = {"campsite": "upper-pines", "seen_at": clock(), "idempotency_key": "a-key-of-ours"}
        assert admin.post("/api/v1/sightings", json=seen).status_code == 201
        yield Running(url, app.openapi(), {"bearwatch": admin.cookies["bearwatch"]})


@pytest.mark.long
def test_whatever_a_program_sends_the_api_answers_as_it_promises(running: Running) -> None:
    schema = schemathesis.openapi.from_dict(running.description)
    found = list(schema.get_all_operations())
    operations = [each.ok() for each in found if isinstance(each, Ok)]
    assert len(operations) == len(found) > 30
    broken: list[str] = []
    for operation in operations:
        if operation.path not in ENDLESS:
            for mode in GenerationMode.POSITIVE, GenerationMode.NEGATIVE:
                broken += _try(running, operation, mode)
    assert broken == [], "\n".join(broken)


def _try(running: Running, operation: schemathesis.APIOperation[Any, Any, Any, Any], mode: GenerationMode) -> list[str]:
    """Send requests that fit, or do not fit, the description; returns which promises were broken."""
    broken: list[str] = []
    promises: list[Any] = [CHECKS.get_one(name) for name in PROMISES]

    @settings(
        max_examples=EXAMPLES_EACH,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: schemathesis.Case[Any]) -> None:
        response = case.call(base_url=running.url, cookies=running.cookies, headers=SAME_ORIGIN, timeout=20)
        try:
            case.validate_response(response, checks=promises)
        except (AssertionError, BaseExceptionGroup) as failed:
            broken.append(f"{operation.label} ({mode.value}) answered {response.status_code}: {_words(failed)}")

    with suppress(Unsatisfiable):  # nothing about this operation can be wrong
        send()
    return broken


def _words(failed: BaseException) -> str:
    parts = failed.exceptions if isinstance(failed, BaseExceptionGroup) else (failed,)
    return "; ".join(str(part)[:400] for part in parts)


def _description(page: Stage) -> dict[str, Any]:
    found: dict[str, Any] = page.stranger().get("/api/v1/openapi.json").json()
    return found


def test_the_description_is_about_the_api_and_nothing_else(page: Stage) -> None:
    description = _description(page)
    assert all(path.startswith("/api/v1/") for path in description["paths"])
    assert set(description["components"]["securitySchemes"]) == {"token", "login"}
    for path, item in description["paths"].items():
        for method, operation in item.items():
            assert operation["summary"], f"{method} {path} says nothing of itself"
            problem = operation["responses"]["422"]["content"]["application/problem+json"]["schema"]["$ref"]
            assert problem == "#/components/schemas/Problem"
            assert not path.startswith("/api/v1/camp/") or operation["security"] == []


def test_every_example_is_what_its_operation_promises(page: Stage) -> None:
    """What was sent, what was answered, and with which status, for each operation and for nothing else."""
    description = _description(page)
    operations = {
        f"{method.upper()} {path}": operation
        for path, item in description["paths"].items()
        for method, operation in item.items()
    }
    assert set(examples()) == {*operations, NO}, "record them with `make examples`"
    for name, operation in operations.items():
        recorded = examples()[name]
        contents = dict(_contents(operation["responses"][str(recorded["status"])]))
        if "application/json" in contents:
            _validate(recorded["answer"], contents["application/json"]["schema"], description)
        if "application/json" in dict(_contents(operation.get("requestBody"))):
            _validate(recorded["body"], operation["requestBody"]["content"]["application/json"]["schema"], description)
    _validate(examples()[NO]["answer"], {"$ref": "#/components/schemas/Problem"}, description)


def _validate(example: Any, schema: dict[str, Any], description: dict[str, Any]) -> None:
    jsonschema.validate(example, {**schema, "components": description["components"]})


@pytest.mark.timeout(300)  # a network is loaded
def test_the_examples_are_what_a_site_answers(there: RolloutStage, redis_url: str, detector: None) -> None:
    """A walk past every operation, in the same shape as the recorded one: the same keys, the same kinds of values."""
    found = walk(there, redis_url, PHOTO)
    if os.environ.get("BEARWATCH_RECORD_EXAMPLES"):
        EXAMPLES.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        examples.cache_clear()
    assert set(found) == set(examples()), "record them with `make examples`"
    for operation, answered in found.items():
        assert shape(answered) == shape(examples()[operation]), f"{operation}: record it with `make examples`"


def test_every_operation_shows_what_it_takes_and_what_it_answers(page: Stage) -> None:
    description = _description(page)
    silent = []
    for path, item in description["paths"].items():
        for method, operation in item.items():
            parts = [("takes", kind, each) for kind, each in _contents(operation.get("requestBody"))]
            for status, answer in operation["responses"].items():
                parts += [(f"answers {status}", kind, each) for kind, each in _contents(answer) if status[0] == "2"]
            for what, kind, content in parts:
                if kind not in PICTURES and not _shown(content, description):
                    silent.append(f"{method.upper()} {path} {what} {kind}")
    assert silent == [], "record these with `make examples`"


PICTURES = {"multipart/form-data", "image/jpeg", "image/png", "image/webp"}
"""A picture is no example that anybody can read."""


def _contents(part: dict[str, Any] | None) -> list[tuple[str, dict[str, Any]]]:
    return list((part or {}).get("content", {}).items())


def _shown(content: dict[str, Any], description: dict[str, Any]) -> bool:
    """Whether there is an example; it must be what its schema says."""
    schema = content["schema"]
    if "example" in content:
        jsonschema.validate(content["example"], {**schema, "components": description["components"]})
        return True
    name = schema.get("$ref", "").rpartition("/")[2]
    return bool(description["components"]["schemas"].get(name, {}).get("examples"))


BOUNDED = {
    "/api/v1/audit/sheets": "you answer the first fifty, then there are others",
    "/api/v1/experiments": "three weeks of hours, experiments that go on and the last few of old ones",
    "/api/v1/models/registry": "the gate lets a model a week in at most; the newest twenty changes",
    "/api/v1/nights/{date}/frames": "one moment: a picture a camera",
    "/api/v1/rollout": "the plan as it is written",
    "/api/v1/rollout/plan": "the stages of the plan as it is written",
}
"""Lists that cannot grow."""


def test_every_list_that_can_grow_comes_in_pages(page: Stage) -> None:
    description = _description(page)
    endless = []
    for path, item in description["paths"].items():
        if "get" not in item or path.endswith("}") or path in BOUNDED:
            continue
        asked = {each["name"] for each in item["get"].get("parameters", ()) if each["in"] == "query"}
        for _, content in _contents(item["get"]["responses"]["200"]):
            told = _properties(content.get("schema", {}), description)
            if told is None or not any(_is_list(each, description) for each in told.values()):
                if told is None and content.get("schema", {}).get("type") == "array":
                    endless.append(f"{path}: a bare list cannot say where it goes on")
                continue
            cursors = [each for each in ("after", "before") if {each, "limit"} <= asked and f"next_{each}" in told]
            if not cursors:
                endless.append(path)
    assert endless == []
    assert set(BOUNDED) <= set(description["paths"])


def _properties(schema: dict[str, Any], description: dict[str, Any]) -> dict[str, Any] | None:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] | None = description["components"]["schemas"].get(name, {}).get("properties")
    return found


def _is_list(part: dict[str, Any], description: dict[str, Any]) -> bool:
    """Whether it is a list of things, not of words."""
    return part.get("type") == "array" and _properties(part["items"], description) is not None


def _all_of(browser: TestClient, path: str, rows: str, key: str) -> list[Any]:
    """Everything of a list, one row a page."""
    found: list[Any] = []
    cursor: Any = None
    for _ in range(20):
        answer = browser.get(path, params={"limit": 1} | ({} if cursor is None else {key: cursor})).json()
        assert len(answer[rows]) <= 1
        found += answer[rows]
        cursor = answer[f"next_{key}"]
        if cursor is None:
            return found
    raise AssertionError(f"{path} never ends")


def test_every_list_read_one_by_one_is_the_whole_list(page: Stage) -> None:
    admin = page.person("admin", Role.ADMINISTRATOR)
    for number, camera in enumerate(("upper-creek", "upper-trail", "lower-meadow")):
        alert = page.alert(camera)
        decision = {"verdict": "bear", "seen_version": 1, "idempotency_key": f"decision-{number}"}
        assert admin.post(f"/api/v1/alerts/{alert}/decisions", json=decision).status_code == 200
        assert admin.post("/api/v1/tokens", json={"name": f"siren {number}", "rights": ["view"]}).status_code == 201
        message = {"kind": "report", "idempotency_key": f"a-camper-key-{number}"}
        assert page.stranger().post("/api/v1/camp/upper-pines/messages", json=message).status_code == 201
    for campsite in ("lower-pines", "upper-pines"):
        assert admin.post("/api/v1/watches", json={"campsite": campsite}).status_code == 201
    watching = _all_of(admin, "/api/v1/watches", "watches", "after")
    assert [each["campsite"] for each in watching] == ["lower-pines", "upper-pines"]
    for each in watching:
        assert admin.post(f"/api/v1/watches/{each['id']}/end").status_code == 204
    with page.database.write() as session:
        open_appeal(session, 1, page.clock.now)
    reviewer = page.person("olga")
    lists = (
        (admin, "/api/v1/alerts", "alerts", "after", 3),
        (admin, "/api/v1/cameras", "cameras", "after", 3),
        (admin, "/api/v1/tokens", "tokens", "after", 3),
        (admin, "/api/v1/people", "people", "after", 2),
        (admin, "/api/v1/labels", "labels", "after", 3),
        (admin, "/api/v1/camper-messages", "messages", "after", 3),
        (reviewer, "/api/v1/appeals", "second_reviews", "after", 1),
        (admin, "/api/v1/models", "models", "after", 1),
    )
    for browser, path, rows, key, number in lists:
        whole = browser.get(path).json()[rows]
        assert _all_of(browser, path, rows, key) == whole, path
        assert len(whole) >= number, path


def test_every_no_is_a_problem_document(page: Stage) -> None:
    day_ranger = page.person()
    empty_plan = {"campsite": "nowhere", "seen_at": 0, "idempotency_key": "a-key-of-mine"}
    answers = [
        page.stranger().get("/api/v1/alerts"),
        day_ranger.get("/api/v1/people"),
        day_ranger.get("/api/v1/alerts/987654"),
        day_ranger.get("/api/v1/nothing-here"),
        day_ranger.delete("/api/v1/alerts"),
        day_ranger.get("/api/v1/alerts?limit=0"),
        day_ranger.post("/api/v1/sightings", json=empty_plan),
        day_ranger.post("/api/v1/sightings", content=b"{", headers={"Content-Type": "application/json"}),
    ]
    assert [answer.status_code for answer in answers] == [401, 403, 404, 404, 405, 422, 422, 422]
    for answer in answers:
        assert answer.headers["content-type"] == "application/problem+json"
        body = answer.json()
        assert body["status"] == answer.status_code
        assert body["detail"]
    assert [error["loc"] for error in answers[6].json()["errors"]] == [["body", "campsite"], ["body", "when"]]


def test_lists_come_in_pages_that_neither_skip_nor_repeat(page: Stage) -> None:
    day_ranger = page.person()
    for number in range(5):
        body = {"campsite": "upper-pines", "seen_at": page.clock(), "idempotency_key": f"sighting-number-{number}"}
        assert day_ranger.post("/api/v1/sightings", json=body).status_code == 201
    found: list[int] = []
    after: int | None = 0
    while after is not None:
        answer = day_ranger.get(f"/api/v1/sightings?limit=2&after={after}").json()
        found += [row["id"] for row in answer["sightings"]]
        after = answer["next_after"]
    assert found == [1, 2, 3, 4, 5]


def test_a_key_that_belongs_to_something_else_is_a_conflict(page: Stage) -> None:
    first, second = page.alert("upper-creek"), page.alert("upper-trail")
    day_ranger, ben = page.person(), page.person("ben")
    decision = {"verdict": "bear", "seen_version": 1, "idempotency_key": "one-and-the-same"}
    assert day_ranger.post(f"/api/v1/alerts/{first}/decisions", json=decision).status_code == 200
    assert day_ranger.post(f"/api/v1/alerts/{first}/decisions", json=decision).status_code == 200  # a doubled click
    assert day_ranger.post(f"/api/v1/alerts/{second}/decisions", json=decision).status_code == 409
    assert day_ranger.get(f"/api/v1/alerts/{second}").json()["status"] == "open"
    sighting = {"campsite": "upper-pines", "seen_at": page.clock(), "idempotency_key": "one-and-the-same"}
    assert day_ranger.post("/api/v1/sightings", json=sighting).status_code == 201
    theirs = ben.post("/api/v1/sightings", json=sighting)
    assert (theirs.status_code, theirs.headers["content-type"]) == (409, "application/problem+json")
    form = {"campsite": "upper-pines", "animal": "bear", "number": "1", "when": "now"}
    assert ben.post("/sightings", data={**form, "idempotency_key": "one-and-the-same"}).status_code == 409


@pytest.mark.parametrize("said", ["²", "٣", "9" * 30, "-1", "x", "", None])
def test_a_strange_last_event_id_is_no_reason_to_break(said: str | None) -> None:
    assert last_seen(said, 7) == 7
    assert last_seen("12", 7) == 12
