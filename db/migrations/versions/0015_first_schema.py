"""The first schema: every table as it stood in November 2026, at the end of fifteen migrations that came before it.

It carries the last one's number, so that a database which went through them goes on from here. It is not made from
:mod:`db.models`: those change, this never does.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = None
branch_labels = None
depends_on = None

_SCHEMA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def upgrade() -> None:
    _SCHEMA.create_all(op.get_bind(), checkfirst=False)


def downgrade() -> None:
    _SCHEMA.drop_all(op.get_bind(), checkfirst=False)


def _column(
    name: str,
    kind: sa.types.TypeEngine[Any],
    *,
    key: bool = False,
    counted: bool = True,
    to: str | None = None,
    null: bool = False,
    default: Any = None,
) -> sa.Column[Any]:
    """A column: part of the ``key``, ``counted`` up by the database, a reference ``to``, perhaps ``null``."""
    refers = () if to is None else (sa.ForeignKey(to),)
    return sa.Column(
        name, kind, *refers, primary_key=key, nullable=null, server_default=default,
        autoincrement="auto" if counted else False,
    )  # fmt: skip


def _word(name: str, length: int, **more: Any) -> sa.Column[Any]:
    return _column(name, sa.String(length), **more)


def _text(name: str, **more: Any) -> sa.Column[Any]:
    return _column(name, sa.Text(), **more)


def _real(name: str, **more: Any) -> sa.Column[Any]:
    return _column(name, sa.Double(), **more)


def _whole(name: str, **more: Any) -> sa.Column[Any]:
    return _column(name, sa.Integer(), **more)


def _big(name: str, **more: Any) -> sa.Column[Any]:
    return _column(name, sa.BigInteger(), **more)


def _flag(name: str, **more: Any) -> sa.Column[Any]:
    return _column(name, sa.Boolean(), **more)


def _json(name: str, **more: Any) -> sa.Column[Any]:
    return _column(name, sa.JSON(), **more)


def _open_only(name: str, *columns: str, while_null: str) -> sa.Index:
    """Unique among the rows that are still open."""
    condition = sa.text(f"{while_null} IS NULL")
    return sa.Index(name, *columns, unique=True, sqlite_where=condition, postgresql_where=condition)


sa.Table(
    "audit_draws", _SCHEMA,
    _word("day", 10, key=True), _real("drawn_at"), _word("seed", 40), _whole("hours"), _word("hours_digest", 64),
)  # fmt: skip
sa.Table(
    "breaker_states", _SCHEMA,
    _word("breaker", 40, key=True), _word("unit", 80, key=True), _real("value"), _json("memory"),
    _word("last_input", 80), _real("updated_at"),
)  # fmt: skip
sa.Table(
    "breaker_trips", _SCHEMA,
    _whole("id", key=True), _word("breaker", 40), _word("scope", 20), _word("scope_id", 63), _word("action", 20),
    _real("tripped_at"), _real("value", null=True), _real("limit", null=True), _text("why"), _json("series"),
    _real("reset_at", null=True), _word("reset_by", 200, null=True), _text("cause", null=True),
    _open_only("ix_breaker_trips_open", "breaker", "scope", "scope_id", "action", while_null="reset_at"),
    sa.Index(None, "tripped_at"),
)  # fmt: skip
sa.Table(
    "camera_counts", _SCHEMA,
    _real("hour_at", key=True), _word("camera_id", 63, key=True), _big("sent"), _big("dropped"), _big("scored"),
)  # fmt: skip
sa.Table(
    "gpu_samples", _SCHEMA,
    _whole("minute", key=True, counted=False), _word("machine", 80, key=True), _whole("gpu", key=True, counted=False),
    _whole("span"), _real("celsius"), _real("busy", null=True), _real("memory", null=True),
)  # fmt: skip
sa.Table(
    "ledger", _SCHEMA,
    _whole("seq", key=True, counted=False), _real("at"), _word("kind", 40), _word("subject", 80), _word("actor", 100),
    _word("campsite", 63, null=True), _text("body"), _word("previous", 64), _word("hash", 64),
    sa.Index(None, "actor", "at"), sa.Index(None, "kind"), sa.Index(None, "subject"),
)  # fmt: skip
sa.Table(
    "login_failures", _SCHEMA,
    _whole("id", key=True), _word("name", 80), _word("address", 64), _real("at"), sa.Index(None, "address"),
    sa.Index(None, "name"),
)  # fmt: skip
sa.Table(
    "looks", _SCHEMA,
    _whole("id", key=True), _real("at"), _word("reason", 20), _word("stage", 100), _whole("run"), _real("since"),
    _text("model", null=True), _word("road", 64), _text("measured", null=True), sa.Index(None, "at"),
    sa.Index(None, "stage", "since", "at"),
)  # fmt: skip
sa.Table(
    "machine_samples", _SCHEMA,
    _whole("minute", key=True, counted=False), _word("machine", 80, key=True), _whole("span"),
    _real("load", null=True), _real("cpu_c", null=True), _real("memory_used", null=True),
    _real("disk_free", null=True), _whole("gpus", null=True), _whole("gpus_expected", null=True),
    _flag("throttled", null=True),
)  # fmt: skip
sa.Table(
    "push_keys", _SCHEMA,
    _whole("id", key=True), _text("private_key"), _word("public_key", 100), _real("created_at"), _big("told_seq"),
)  # fmt: skip
sa.Table(
    "queue_samples", _SCHEMA,
    _whole("minute", key=True, counted=False), _whole("shard", key=True, counted=False), _whole("span"),
    _whole("entries"), _real("oldest_s"), _whole("jobs"),
)  # fmt: skip
sa.Table(
    "regions", _SCHEMA,
    _word("id", 63, key=True), _word("name", 200), _word("timezone", 64),
)  # fmt: skip
sa.Table(
    "rollout_events", _SCHEMA,
    _whole("seq", key=True, counted=False), _real("at"), _word("kind", 40), _word("actor", 100), _whole("epoch"),
    _word("key", 64, null=True), _text("body"), sa.Index(None, "epoch", "key", unique=True),
    sa.Index(None, "kind", "at"),
)  # fmt: skip
sa.Table(
    "sender_keys", _SCHEMA,
    _word("day", 10, key=True), _word("key", 64),
)  # fmt: skip
sa.Table(
    "users", _SCHEMA,
    _whole("id", key=True), _word("name", 80), _word("password_hash", 200), _word("role", 20), _flag("active"),
    _real("created_at"), _flag("must_change_password", default=sa.false()), _real("totp_confirmed_at", null=True),
    _big("totp_last_step", null=True), _word("totp_sealed", 200, null=True), sa.UniqueConstraint("name"),
)  # fmt: skip
sa.Table(
    "api_tokens", _SCHEMA,
    _whole("id", key=True), _whole("user_id", to="users.id"), _word("name", 80), _word("token_hash", 64),
    _json("rights"), _json("campsites"), _real("created_at"), _real("expires_at"), _real("last_used_at", null=True),
    _real("revoked_at", null=True), sa.UniqueConstraint("token_hash"), sa.Index(None, "user_id"),
)  # fmt: skip
sa.Table(
    "campsites", _SCHEMA,
    _word("id", 63, key=True), _word("region_id", 63, to="regions.id"), _word("name", 200),
)  # fmt: skip
sa.Table(
    "gate_looks", _SCHEMA,
    _whole("look_id", key=True, to="looks.id"), _whole("number", key=True, counted=False), _text("gate"),
    _word("metric", 60), _word("outcome", 20), _real("value", null=True), _real("compared", null=True),
    _real("limit", null=True), _real("n"), _real("least_n"), _word("unit", 40), _text("why"),
)  # fmt: skip
sa.Table(
    "label_changes", _SCHEMA,
    _whole("id", key=True), _whole("author_id", to="users.id"), _word("status", 20), _real("created_at"),
    _whole("reverts_id", to="label_changes.id", null=True), _real("ended_at", null=True),
    _whole("ended_by_id", to="users.id", null=True), _text("reason", null=True), _word("digest", 64, null=True),
    sa.Index(None, "author_id", "status"),
)  # fmt: skip
sa.Table(
    "login_sessions", _SCHEMA,
    _word("token_hash", 64, key=True), _whole("user_id", to="users.id"), _real("created_at"), _real("expires_at"),
    _real("revoked_at", null=True), _flag("half", default=sa.false()), _word("address", 64, null=True),
    _word("browser", 120, null=True), _real("last_seen_at", null=True), sa.Index(None, "user_id"),
)  # fmt: skip
sa.Table(
    "night_experiments", _SCHEMA,
    _whole("id", key=True), _word("name", 80), _json("campsites"), _word("first_night", 10), _whole("nights"),
    _whole("block"), _word("seed", 40), _real("created_at"), _whole("created_by_id", to="users.id"),
    _real("ended_at", null=True), sa.UniqueConstraint("name"),
)  # fmt: skip
sa.Table(
    "outside_identities", _SCHEMA,
    _whole("id", key=True), _whole("user_id", to="users.id"), _word("issuer", 255), _word("subject", 255),
    _real("created_at"), sa.UniqueConstraint("issuer", "subject"), sa.Index(None, "user_id"),
)  # fmt: skip
sa.Table(
    "push_subscriptions", _SCHEMA,
    _whole("id", key=True), _whole("user_id", to="users.id"), _word("session_hash", 64), _text("endpoint"),
    _word("endpoint_digest", 64), _word("p256dh", 100), _word("auth", 40), _json("campsites"), _real("created_at"),
    _real("sent_at", null=True), _real("tested_at", null=True), sa.UniqueConstraint("endpoint_digest"),
    sa.Index(None, "user_id"),
)  # fmt: skip
sa.Table(
    "recovery_codes", _SCHEMA,
    _whole("id", key=True), _whole("user_id", to="users.id"), _word("code_hash", 64), _real("used_at", null=True),
    sa.Index(None, "user_id"),
)  # fmt: skip
sa.Table(
    "weather", _SCHEMA,
    _whole("id", key=True), _word("place", 80), _real("at"), _real("temperature_c", null=True),
    _real("rain_mm", null=True), _real("wind_ms", null=True), _word("sky", 60), _word("source", 80),
    _real("entered_at"), _whole("entered_by", to="users.id", null=True), sa.UniqueConstraint("place", "at", "source"),
)  # fmt: skip
sa.Table(
    "authority_leases", _SCHEMA,
    _word("campsite_id", 63, key=True, to="campsites.id"), _word("mode", 20), _real("granted_at"),
    _real("expires_at"), _json("only_cameras", null=True), _json("without_cameras", default=sa.text("'[]'")),
    _json("reviewed_cameras", default=sa.text("'[]'")), _whole("run", default=sa.text("0")),
    _real("veto_s", null=True), _real("ranger_ack_s", null=True), _real("sight_s", null=True),
    _real("sight_back_s", null=True),
)  # fmt: skip
sa.Table(
    "cameras", _SCHEMA,
    _word("id", 63, key=True), _word("campsite_id", 63, to="campsites.id"), _word("name", 200), _flag("enabled"),
    _flag("configured"), sa.Index(None, "campsite_id"),
)  # fmt: skip
sa.Table(
    "label_edits", _SCHEMA,
    _whole("id", key=True), _whole("change_id", to="label_changes.id"), _word("item", 80), _word("action", 20),
    _word("before", 40), _word("after", 40), _real("at"), sa.UniqueConstraint("change_id", "item"),
    sa.Index(None, "item"),
)  # fmt: skip
sa.Table(
    "random_watches", _SCHEMA,
    _whole("id", key=True), _word("campsite_id", 63, to="campsites.id"), _real("starts_at"), _real("ends_at"),
    _real("probability"), _word("seed", 40), _real("drawn_at"), sa.UniqueConstraint("campsite_id", "starts_at"),
    sa.Index(None, "starts_at"),
)  # fmt: skip
sa.Table(
    "user_campsites", _SCHEMA,
    _whole("user_id", key=True, to="users.id"), _word("campsite_id", 63, key=True, to="campsites.id"),
)  # fmt: skip
sa.Table(
    "watch_drills", _SCHEMA,
    _whole("id", key=True), _word("campsite_id", 63, to="campsites.id"), _whole("user_id", to="users.id"),
    _real("held_at"), _real("answered_s", null=True), _flag("passed"), _text("note"),
    sa.Index(None, "campsite_id", "held_at"),
)  # fmt: skip
sa.Table(
    "watches", _SCHEMA,
    _whole("id", key=True), _word("campsite_id", 63, to="campsites.id"), _whole("user_id", to="users.id"),
    _real("started_at"), _real("ended_at", null=True), _real("ends_at", null=True),
    _word("ended_because", 20, null=True), sa.Index(None, "campsite_id", "started_at"), sa.Index(None, "user_id"),
)  # fmt: skip
sa.Table(
    "camera_hours", _SCHEMA,
    _whole("id", key=True), _word("camera_id", 63, to="cameras.id"), _real("hour_at"), _json("frames"),
    _json("histogram"), _real("max_score"), _big("minutes"), _json("thumbnails"),
    _json("unknown", default=sa.text("'{}'")), _real("scene_gap", null=True),
    sa.UniqueConstraint("camera_id", "hour_at"),
)  # fmt: skip
sa.Table(
    "camera_sights", _SCHEMA,
    _word("camera_id", 63, key=True, to="cameras.id"), _real("watched_at"), _real("steady_since", null=True),
)  # fmt: skip
sa.Table(
    "canary_runs", _SCHEMA,
    _whole("id", key=True), _word("camera_id", 63, to="cameras.id"), _real("planted_at"), _whole("frames"),
    _word("background", 20), _flag("seen", null=True), _real("seen_at", null=True), _real("latency_s", null=True),
    _real("peak_score"), _word("model", 100, null=True), sa.Index(None, "camera_id", "planted_at"),
    sa.Index(None, "planted_at"),
)  # fmt: skip
sa.Table(
    "encounters", _SCHEMA,
    _whole("id", key=True), _word("camera_id", 63, to="cameras.id"), _real("first_at"), _real("last_at"),
    _real("decided_at"), _real("closed_at", null=True), _whole("hits"), _real("peak_score"), _json("peak_box"),
    _word("cover", 200, null=True), _word("label", 40), _json("zones"), _word("model", 100), _flag("late"),
    _word("kind", 20, default="bear"), _real("recognised_at", null=True), _real("unknown_score", null=True),
    _real("threshold", null=True), _flag("infrared", null=True), _flag("held", default=sa.false()),
    sa.Index(None, "camera_id", "last_at"),
)  # fmt: skip
sa.Table(
    "sight_gaps", _SCHEMA,
    _whole("id", key=True), _word("camera_id", 63, to="cameras.id"), _word("campsite_id", 63, to="campsites.id"),
    _real("watched_at", null=True), _real("lost_at"), _real("noticed_at"), _word("why", 200),
    _real("over_at", null=True), _word("over", 20, null=True), sa.Index(None, "lost_at"),
    _open_only("ix_sight_gaps_open", "camera_id", while_null="over_at"),
)  # fmt: skip
sa.Table(
    "sightings", _SCHEMA,
    _whole("id", key=True), _word("campsite_id", 63, to="campsites.id"),
    _word("camera_id", 63, to="cameras.id", null=True), _whole("user_id", to="users.id"),
    _whole("watch_id", to="watches.id", null=True), _word("animal", 40), _whole("number"), _text("note"),
    _real("seen_at"), _real("sealed_at"), _word("seal", 64), _flag("blind"), _word("idempotency_key", 64),
    sa.UniqueConstraint("idempotency_key"), sa.Index(None, "campsite_id", "seen_at"),
)  # fmt: skip
sa.Table(
    "alerts", _SCHEMA,
    _whole("id", key=True), _whole("encounter_id", to="encounters.id"), _word("camera_id", 63, to="cameras.id"),
    _word("campsite_id", 63, to="campsites.id"), _real("captured_at"), _real("created_at"), _word("mode", 20),
    _word("status", 20), _whole("version"), _word("kind", 20, default="bear"), _real("unknown_at", null=True),
    sa.UniqueConstraint("encounter_id"), sa.Index(None, "campsite_id", "status", "captured_at"),
)  # fmt: skip
sa.Table(
    "audit_sheets", _SCHEMA,
    _whole("id", key=True), _word("day", 10, to="audit_draws.day"), _whole("position"), _word("kind", 20),
    _word("campsite_id", 63, to="campsites.id"), _word("camera_id", 63, to="cameras.id"), _real("hour_at"),
    _word("stratum", 120), _real("probability", null=True), _json("thumbnails"), _json("minutes"),
    _whole("planted_index", null=True), _whole("planted_encounter_id", to="encounters.id", null=True),
    _real("drawn_at"), _real("due_at"), sa.UniqueConstraint("day", "position"),
    sa.Index(None, "campsite_id", "due_at"),
)  # fmt: skip
sa.Table(
    "encounter_frames", _SCHEMA,
    _whole("id", key=True), _whole("encounter_id", to="encounters.id"), _real("captured_at"), _big("sequence"),
    _word("media", 200, null=True), _real("score"), _json("box"), _flag("agrees"),
    sa.UniqueConstraint("encounter_id", "captured_at", "sequence"), sa.Index(None, "encounter_id"),
)  # fmt: skip
sa.Table(
    "appeals", _SCHEMA,
    _whole("id", key=True), _whole("alert_id", to="alerts.id"), _word("campsite_id", 63, to="campsites.id"),
    _flag("control"), _real("opened_at"), _whole("first_user_id", to="users.id", null=True),
    _word("first_verdict", 20, null=True), _whole("second_user_id", to="users.id", null=True),
    _word("second_verdict", 20, null=True), _real("answered_at", null=True), _word("outcome", 20, null=True),
    _real("settled_at", null=True), _whole("settled_by_id", to="users.id", null=True), _text("settlement", null=True),
    sa.UniqueConstraint("alert_id"), sa.Index(None, "campsite_id", "answered_at"),
)  # fmt: skip
sa.Table(
    "audit_answers", _SCHEMA,
    _whole("id", key=True), _whole("sheet_id", to="audit_sheets.id"), _whole("user_id", to="users.id"),
    _word("bear", 10), _json("marked"), _real("answered_at"), _word("idempotency_key", 64),
    sa.UniqueConstraint("idempotency_key"), sa.Index(None, "sheet_id", "id"),
)  # fmt: skip
sa.Table(
    "camper_messages", _SCHEMA,
    _whole("id", key=True), _word("campsite_id", 63, to="campsites.id"), _word("kind", 20), _text("text", null=True),
    _word("sender", 32, null=True), _real("created_at"), _whole("alert_id", to="alerts.id", null=True),
    _word("idempotency_key", 64), _real("handled_at", null=True), _whole("handled_by_id", to="users.id", null=True),
    _text("answer", null=True), sa.UniqueConstraint("idempotency_key"), sa.Index(None, "campsite_id", "created_at"),
    sa.Index(None, "sender", "created_at"),
)  # fmt: skip
sa.Table(
    "deliveries", _SCHEMA,
    _whole("id", key=True), _whole("alert_id", to="alerts.id", null=True), _whole("alert_version"), _word("kind", 20),
    _text("target"), _word("target_digest", 32), _word("title", 200), _text("body"), _word("status", 20),
    _real("created_at"), _real("due_at"), _real("sent_at", null=True),
    _word("campsite_id", 63, to="campsites.id", null=True), _word("key", 120, null=True),
    _word("audience", 20, default="campers"), _word("mode", 20, null=True), _flag("held", default=sa.false()),
    _json("facts", default=sa.text("'{}'")), _whole("joined_to_id", to="deliveries.id", null=True),
    _real("claimed_at", null=True), _text("why", null=True),
    sa.UniqueConstraint("alert_id", "kind", "target_digest", "alert_version"),
    sa.UniqueConstraint("key", "target_digest"), sa.Index(None, "campsite_id", "created_at"),
    sa.Index(None, "status", "due_at"),
)  # fmt: skip
sa.Table(
    "reviews", _SCHEMA,
    _whole("id", key=True), _whole("alert_id", to="alerts.id"), _whole("user_id", to="users.id"),
    _word("verdict", 20), _whole("undoes_id", to="reviews.id", null=True), _whole("seen_version"),
    _real("created_at"), _real("effective_at"), _flag("score_hidden"), _word("idempotency_key", 64),
    sa.UniqueConstraint("idempotency_key"), sa.UniqueConstraint("undoes_id"), sa.Index(None, "alert_id", "id"),
)  # fmt: skip
sa.Table(
    "delivery_attempts", _SCHEMA,
    _whole("id", key=True), _whole("delivery_id", to="deliveries.id"), _real("at"), _flag("succeeded"),
    _text("detail"), _flag("permanent", default=sa.false()), _real("took_s", default=sa.text("0")),
    sa.Index(None, "at"), sa.Index(None, "delivery_id"),
)  # fmt: skip
