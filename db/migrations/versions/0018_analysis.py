"""Looks at the gates are analysis runs, and what each found of a gate a result: tables are called as the code says"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_RUN = ("at", "reason", "stage", "run", "since", "model", "road", "measured")
_RESULT = ("number", "gate", "metric", "outcome", "value", "compared", "limit", "n", "least_n", "unit", "why")


def upgrade() -> None:
    _create("analysis_runs", "gate_results", "run_id")
    _move("looks", "analysis_runs", "gate_looks", "gate_results", "look_id", "run_id")


def downgrade() -> None:
    _create("looks", "gate_looks", "look_id")
    _move("analysis_runs", "looks", "gate_results", "gate_looks", "run_id", "look_id")


def _create(runs: str, results: str, run_id: str) -> None:
    op.create_table(
        runs,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("stage", sa.String(length=100), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("road", sa.String(length=64), nullable=False),
        sa.Column("measured", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{runs}")),
    )
    op.create_index(op.f(f"ix_{runs}_at"), runs, ["at"], unique=False)
    op.create_index(op.f(f"ix_{runs}_stage_since_at"), runs, ["stage", "since", "at"], unique=False)
    op.create_table(
        results,
        sa.Column(run_id, sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("metric", sa.String(length=60), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("compared", sa.Double(), nullable=True),
        sa.Column("limit", sa.Double(), nullable=True),
        sa.Column("n", sa.Double(), nullable=False),
        sa.Column("least_n", sa.Double(), nullable=False),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint([run_id], [f"{runs}.id"], name=op.f(f"fk_{results}_{run_id}_{runs}")),
        sa.PrimaryKeyConstraint(run_id, "number", name=op.f(f"pk_{results}")),
    )


def _move(runs: str, new_runs: str, results: str, new_results: str, run_id: str, new_run_id: str) -> None:
    """Every row under its number; the counter of new ones goes on behind the last."""
    _copy(runs, new_runs, ("id", *_RUN), ("id", *_RUN))
    _copy(results, new_results, (run_id, *_RESULT), (new_run_id, *_RESULT))
    op.drop_table(results)
    if op.get_bind().dialect.name == "postgresql":
        before, after = (f"pg_get_serial_sequence('{name}', 'id')" for name in (runs, new_runs))
        op.execute(f"SELECT setval({after}, nextval({before}), false)")
    op.drop_table(runs)


def _copy(old: str, new: str, from_columns: tuple[str, ...], to_columns: tuple[str, ...]) -> None:
    source = sa.table(old, *map(sa.column, from_columns))
    target = sa.table(new, *map(sa.column, to_columns))
    chosen = sa.select(*(source.c[name] for name in from_columns))
    op.execute(target.insert().from_select(list(to_columns), chosen))
