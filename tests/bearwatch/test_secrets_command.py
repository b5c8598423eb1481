"""What lies in the database is sealed, another key can be taken, and without the key nothing is sent to nobody."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from bearwatch.cli import main
from core.config import Config
from core.secret_box import LostKey, SecretBox, install, is_sealed
from core.settings import settings
from db.models import Delivery, PushKey, Role, User
from db.places import sync_places
from db.sealed_text import LOST
from db.session import Database
from review_ui.auth.accounts import create_account
from review_ui.auth.totp import owner_of_secret
from rollout.alerting.alerts import page
from rollout.alerting.channels import Message, send
from rollout.alerting.mqtt import NotDelivered
from tests.support.factories import T0

HOOK = "hmac+https://hooks.example/bears?key=S3cret-Of-The-Hook"
BROKER = "mqtt://siren:S3cret-Of-The-Broker@broker.example/camp"
FACTOR = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


class SealedSite:
    """A site with two addresses, a push key and a second factor."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.database = Database(f"sqlite:///{data / 'bearwatch.sqlite3'}")

    @property
    def box(self) -> SecretBox:
        return SecretBox.of(settings())

    def raw(self) -> dict[str, list[str]]:
        """As a thief of the file reads it."""
        with sqlite3.connect(self.data / "bearwatch.sqlite3") as file:
            found = {
                "addresses": "SELECT target FROM deliveries ORDER BY id",
                "push": "SELECT private_key FROM push_keys",
                "factors": "SELECT totp_sealed FROM users",
            }
            texts = {name: [row[0] for row in file.execute(query)] for name, query in found.items()}
        file.close()
        return texts

    def addresses(self) -> list[str]:
        with self.database.read() as session:
            return list(session.scalars(select(Delivery.target).order_by(Delivery.id)))

    def factor(self) -> str:
        with self.database.read() as session:
            user = session.scalars(select(User)).one()
            return self.box.open(user.totp_sealed or "", owner_of_secret(user.id))

    def push_key(self) -> str:
        with self.database.read() as session:
            return session.get_one(PushKey, 1).private_key


@pytest.fixture
def site(tmp_path: Path, migrated_file: Path, config: Config, monkeypatch: pytest.MonkeyPatch) -> Iterator[SealedSite]:
    shutil.copy(migrated_file, tmp_path / "bearwatch.sqlite3")
    monkeypatch.setenv("BEARWATCH_DATA", str(tmp_path))
    settings.cache_clear()
    install(SecretBox.of(settings()))
    there = SealedSite(tmp_path)
    with there.database.write() as session:
        sync_places(session, config)
        user = create_account(session, "lena", "a password of lena's", Role.RANGER, T0)
        user.totp_sealed = there.box.seal(FACTOR, owner_of_secret(user.id))
        session.add(PushKey(id=1, private_key="-----PEM-----", public_key="x", created_at=T0, told_seq=0))
        page(session, key="test", title="t", body="b", targets=[HOOK, BROKER], now=T0)
    yield there
    there.database.close()


def test_addresses_and_the_push_key_lie_sealed_and_are_read_as_they_were(site: SealedSite) -> None:
    raw = site.raw()
    assert all(is_sealed(text) for texts in raw.values() for text in texts)
    assert b"S3cret-Of-The" not in (site.data / "bearwatch.sqlite3").read_bytes()
    assert (site.addresses(), site.push_key(), site.factor()) == ([HOOK, BROKER], "-----PEM-----", FACTOR)


def test_with_another_key_everything_is_sealed_anew_and_the_old_key_opens_nothing(
    site: SealedSite, capsys: pytest.CaptureFixture[str]
) -> None:
    old_key, old = (site.data / "secret.key").read_text().strip(), site.raw()
    assert main(["secrets", "rotate", "--data", str(site.data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"sealed_anew": 4, "lost": 0}
    assert (site.addresses(), site.push_key(), site.factor()) == ([HOOK, BROKER], "-----PEM-----", FACTOR)
    thief = SecretBox(old_key, site.data / "nowhere")
    assert thief.open(old["addresses"][0], "address of a message") == HOOK
    for text in (*site.raw()["addresses"], *site.raw()["push"]):
        with pytest.raises(LostKey):
            thief.open(text, "address of a message")
    assert sorted(file.name for file in site.data.glob("*secret.key*")) == ["secret.key"]
    assert (site.data / "secret.key").stat().st_mode & 0o777 == 0o600


def test_a_change_that_was_interrupted_loses_nothing_and_goes_on(site: SealedSite) -> None:
    site.box.change_key()
    assert (site.addresses(), site.push_key(), site.factor()) == ([HOOK, BROKER], "-----PEM-----", FACTOR)
    with pytest.raises(LostKey, match=r"secret\.key\.before is still there"):
        site.box.change_key()
    assert main(["secrets", "rotate", "--data", str(site.data)]) == 0
    assert not (site.data / "secret.key.before").exists()
    assert site.addresses() == [HOOK, BROKER]


def test_what_was_kept_in_clear_before_is_read_and_sealed(site: SealedSite) -> None:
    with sqlite3.connect(site.data / "bearwatch.sqlite3") as file:
        file.execute("UPDATE deliveries SET target = ?", (HOOK,))
    file.close()
    assert site.addresses() == [HOOK, HOOK]
    assert main(["secrets", "rotate", "--data", str(site.data)]) == 0
    assert all(map(is_sealed, site.raw()["addresses"]))
    assert site.addresses() == [HOOK, HOOK]


def test_the_environments_key_is_changed_with_the_one_before_beside_it(
    site: SealedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = (site.data / "secret.key").read_text().strip()
    monkeypatch.setenv("BEARWATCH_SECRET_KEY", "the new key of the park")
    monkeypatch.setenv("BEARWATCH_SECRET_KEY_BEFORE", old)
    settings.cache_clear()
    assert main(["secrets", "rotate", "--data", str(site.data)]) == 0
    monkeypatch.delenv("BEARWATCH_SECRET_KEY_BEFORE")
    settings.cache_clear()
    install(SecretBox.of(settings()))
    assert (site.addresses(), site.factor()) == ([HOOK, BROKER], FACTOR)


def test_without_its_key_an_address_is_no_address_and_the_message_says_what_to_do(site: SealedSite) -> None:
    install(SecretBox("another key than that", site.data / "nowhere"))
    lost = site.addresses()[0]
    assert lost.startswith(LOST)
    with pytest.raises(NotDelivered, match=r"sealed with another key.*Give back") as refused:
        send(Message(1, lost, "t", "b", {}), T0)
    assert refused.value.permanent
    assert main(["secrets", "rotate", "--data", str(site.data)]) == 0  # the command has the key of the folder
    assert site.addresses() == [HOOK, BROKER]
