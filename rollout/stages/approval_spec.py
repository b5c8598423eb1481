"""Who must agree to what, and who takes over the watch, as the rollout plan writes it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, model_validator

from core.strict_model import Strict
from db.models import Role
from rollout.base.durations import CivilDuration, Duration

ROLE_WORDS: Final = {"ranger_lead": "lead_ranger", "ml_owner": "model_owner", "ops": "operator"}
"""Other words for roles that people write."""
ANY_RANGER: Final = "any_ranger"
LONGEST_APPROVAL_S: Final = 86400.0
"""An approval older than a day approves nothing: what it rested on has changed."""


def _role(word: str) -> str:
    name = ROLE_WORDS.get(word, word)
    if name not in {*Role, ANY_RANGER}:
        raise ValueError(f"{word!r} is no role; write one of: {', '.join(Role)}, {ANY_RANGER}")
    return name


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


RoleName = Annotated[str, AfterValidator(_role)]
StrList = Annotated[list[str], BeforeValidator(_as_list)]


class ApprovalRule(Strict):
    """How many people, of which roles, and for how long their word holds."""

    need: int = Field(default=2, ge=2, le=5, description="so many people")
    roles: list[RoleName] = Field(
        default=["lead_ranger", "model_owner"], min_length=2, description="each with another one of these roles"
    )
    distinct_people: Literal[True] = Field(default=True, description="nobody counts twice")
    author_may_approve: Literal[False] = Field(
        default=False, description="who wrote the rollout plan or asked for the step does not count"
    )
    valid_for: CivilDuration = Field(default=Duration(0, 86400), description="an approval counts for a day at most")
    requires: list[Literal["root_cause_note"]] = Field(default_factory=list, description="root_cause_note: a cause")

    @model_validator(mode="after")
    def _possible(self) -> ApprovalRule:
        if self.need > len(set(self.roles)):
            raise ValueError(f"needs {self.need} people of distinct roles, but only {len(set(self.roles))} roles count")
        if not 0 < self.valid_for.nominal_s <= LONGEST_APPROVAL_S:
            raise ValueError("an approval is valid for 24h at most")
        return self


class OnePerson(Strict):
    """What one person may do alone."""

    need: Literal[1] = Field(default=1, description="one is enough")
    roles: list[RoleName] = Field(
        default=[ANY_RANGER, "model_owner", "operator", "administrator"], min_length=1, description="of these roles"
    )


class Approvals(Strict):
    """Who must agree to what. Promoting and closing a breaker need two people; demoting and stopping one."""

    promote: ApprovalRule = Field(
        default_factory=ApprovalRule,
        description="to go on to the next stage",
        validation_alias=AliasChoices("promote", "widen"),
        serialization_alias="widen",
    )
    resume: ApprovalRule = Field(
        default_factory=lambda: ApprovalRule(requires=["root_cause_note"]), description="to close a breaker"
    )
    demote: OnePerson = Field(
        default_factory=OnePerson,
        description="to go back",
        validation_alias=AliasChoices("demote", "narrow"),
        serialization_alias="narrow",
    )
    emergency_stop: OnePerson = Field(
        default_factory=OnePerson,
        description="who is expected to stop it; a stop by anybody else counts as much",
        validation_alias=AliasChoices("emergency_stop", "kill"),
        serialization_alias="kill",
    )


class OnCallEntry(Strict):
    """A person who takes over the watch."""

    user: str = Field(min_length=1, max_length=80, description="account name")
    contact: StrList = Field(min_length=1, description="Apprise addresses, in clear only without passwords")
