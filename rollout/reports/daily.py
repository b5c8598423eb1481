"""The daily report: are campers complaining, are machines burning, are costs running away; and everything behind it."""

from __future__ import annotations

from typing import Final

from rollout.reports.asked import Asked
from rollout.reports.costs import Cost, cost_of, has_tariff
from rollout.reports.document import Answer, Column, Figure, Form, Kind, Light, Report, Section, table
from rollout.reports.machines import LIMITS, ORDER, Machine, machines
from rollout.reports.messages import Sent, camper_figures, campers_section, deliveries_of, delivery_section
from rollout.reports.operating import Cameras, breaker_rows, cameras_of, cameras_section, latency_section
from rollout.reports.people import people_section
from rollout.reports.words import many, number

TITLE: Final = "Daily operations"


def daily(asked: Asked) -> Report:
    """The operations report of a period, usually one day."""
    found, seen, sent = machines(asked.heard), cameras_of(asked), deliveries_of(asked)
    period = asked.period
    cost = cost_of(asked, period.start, period.end)
    before = cost_of(asked, 2 * period.start - period.end, period.start)
    return Report(
        kind=Kind.DAILY,
        title=TITLE,
        period=period,
        places=asked.places,
        made_at=asked.now,
        answers=(_complaining(asked), _burning(asked, found), _running_away(asked, cost, before),
                 _holding(asked, seen, sent)),
        sections=(campers_section(asked), cameras_section(asked, seen), latency_section(asked), _queue(asked),
                  _machines(asked, found), _costs(asked, cost, before), delivery_section(asked, sent),
                  people_section(asked)),
        limits=_limits(asked),
    )  # fmt: skip


def _complaining(asked: Asked) -> Answer:
    figures = {each.key: each for each in camper_figures(asked)}
    complaints, appeals = (int(figures[key].value or 0) for key in ("complaints", "appeals"))
    waiting, upheld = (int(figures[key].value or 0) for key in ("messages_waiting", "appeals_upheld_open"))
    question = "Are campers complaining?"
    words = f"{many(complaints, 'complaint')} and {many(appeals, 'appeal')} against a warning."
    if upheld:
        more = f"{words} {many(upheld, 'appeal was', 'appeals were')} upheld and nothing has been done about it yet."
        return Answer("complaints", question, Light.RED, more)
    if waiting:
        more = f"{words} {many(waiting, 'message waits', 'messages wait')} for an answer."
        return Answer("complaints", question, Light.AMBER, more)
    if complaints or appeals:
        return Answer("complaints", question, Light.AMBER, f"{words} All are answered.")
    return Answer("complaints", question, Light.GREEN, "Nobody has complained, and no warning was appealed.")


def _burning(asked: Asked, found: list[Machine]) -> Answer:
    question, tripped = "Are machines burning?", [row for row in breaker_rows(asked) if row.about_machines]
    if not found:
        answers = asked.heard is not None and asked.heard.answers
        words = f"Nobody can say: {'no machine has reported' if answers else 'Redis was not heard'}."
        return Answer("machines", question, Light.RED if tripped else Light.GREY, _and_tripped(words, len(tripped)))
    worst = min((each.light for each in found), key=ORDER.index)
    wrong = [f"{each.name}: {', '.join(each.wrong)}" for each in found if each.wrong]
    words = f"{'; '.join(wrong)}." if wrong else f"{many(len(found), 'machine')}, all within limits."
    if tripped and worst is Light.GREEN:
        worst = Light.AMBER
    return Answer("machines", question, worst, _and_tripped(words, len(tripped)))


def _and_tripped(words: str, tripped: int) -> str:
    return f"{words} A machine breaker tripped {many(tripped, 'time')} in this time." if tripped else words


def _running_away(asked: Asked, cost: Cost, before: Cost) -> Answer:
    question, money, per = "Are costs running away?", asked.config.costs.currency, cost.per_camera_day
    if not has_tariff(asked):
        words = "Nobody can say: no tariff is configured (costs: camera_day, gpu_hour, message)."
        return Answer("costs", question, Light.GREY, words)
    if per is None:
        return Answer("costs", question, Light.GREY, "Nobody can say: no camera is switched on here.")
    a_day = cost.total / asked.period.days
    words = f"{per:.2f} {money} a camera-day, {a_day:.2f} {money} a day by the tariff."
    budget = asked.config.costs.budget_day
    if budget is not None and asked.everything:
        share = a_day / budget
        light = Light.RED if share > 1 else Light.AMBER if share > 0.8 else Light.GREEN
        return Answer("costs", question, light, f"{words} That is {100 * share:.0f}% of the budget.")
    was = before.per_camera_day or 0.0
    grown = per / was - 1 if was else 0.0
    light = Light.AMBER if grown > 0.25 else Light.GREEN
    more = "as much as in the time before" if abs(grown) < 0.005 else f"{100 * grown:+.0f}% against the time before"
    return Answer("costs", question, light, f"{words} That is {more}; no budget is compared.")


def _holding(asked: Asked, seen: Cameras, sent: Sent) -> Answer:
    question, wrong = "Was everything seen and said?", []
    light = Light.GREEN
    if seen.share is None:
        return Answer("holding", question, Light.GREY, "Nobody can say: no camera is switched on here, or it has only "
                      "just begun.")  # fmt: skip
    if seen.share < 0.99:
        light = Light.RED if seen.share < 0.9 else Light.AMBER
        wrong.append(f"cameras were seen {number(seen.share, Form.SHARE)} of the time")
    if sent.failed_to_campers:
        light = Light.RED
        wrong.append(f"{many(sent.failed_to_campers, 'warning')} to campers failed")
    elif sent.failed or sent.late:
        light = Light.AMBER if light is Light.GREEN else light
        wrong.append(f"{many(sent.failed, 'message')} failed and {sent.late} came late")
    tripped = breaker_rows(asked)
    still = sum(row.open for row in tripped)
    if tripped:
        light = Light.RED if still else Light.AMBER if light is Light.GREEN else light
        wrong.append(f"{many(len(tripped), 'breaker')} tripped, {still} still open")
    words = f"{'; '.join(wrong)}." if wrong else "Cameras saw, messages arrived in time, no breaker tripped."
    return Answer("holding", question, light, f"{words[:1].upper()}{words[1:]}")


def _machines(asked: Asked, found: list[Machine]) -> Section:
    columns = (
        Column("machine", "Machine"), Column("state", "State"), Column("age_s", "Heard", Form.SECONDS),
        *(Column(limit.key, limit.words[:1].upper() + limit.words[1:], Form.SHARE if limit.share else Form.NUMBER)
          for limit in LIMITS),
        Column("gpus", "GPUs", Form.NUMBER),
    )  # fmt: skip
    rows = [
        (m.name, ", ".join(m.wrong) or "within limits", m.age_s, *(m.fact(limit.key) for limit in LIMITS),
         m.fact("gpus"))
        for m in found
    ]  # fmt: skip
    empty = "No machine has reported to this site's Redis, or it was away."
    note = "As they last reported when this report was made; their past is not recorded, but what trips a breaker is."
    return Section("machines", "Machines", tables=(table("machines", "Each machine", columns, rows, empty, note),))


def _queue(asked: Asked) -> Section:
    heard = asked.heard
    if heard is None or not heard.answers:
        return Section("queue", "Queues", ("Redis was not heard: nobody knows what waits.",))
    rows = [(f"shard {shard}", each.entries, each.oldest_s) for shard, each in sorted(heard.waiting.items())]
    mine = [status for name, status in heard.cameras.items() if name in asked.cameras()]
    dropped = sum(sum(status.dropped.values()) for status in mine)
    taken = sum(sum(status.sent.values()) for status in mine)
    columns = (Column("shard", "Queue"), Column("entries", "Waiting", Form.NUMBER),
               Column("oldest_s", "Oldest", Form.SECONDS))  # fmt: skip
    return Section(
        "queue",
        "Queues",
        ("As they were when this report was made.",),
        figures=(
            Figure("jobs_waiting", "Jobs waiting", heard.jobs),
            Figure("frames_dropped", "Frames dropped since the readers started", dropped, n=dropped + taken,
                   of="frames", note="the newest frames go first; what is dropped is counted, never queued silently"),
        ),
        tables=(table("queues", "Frames and scores", columns, rows, "No shard has reported."),),
    )  # fmt: skip


def _costs(asked: Asked, cost: Cost, before: Cost) -> Section:
    money, why = asked.config.costs.currency, "" if has_tariff(asked) else "no tariff is configured"
    per = None if why else cost.per_camera_day
    return Section(
        "costs",
        "Costs",
        ("Computed from the configured tariff, not measured. GPUs are counted as they answer now.",),
        figures=(
            Figure("cost_per_camera_day", "Cost of a camera-day", per, unit=money, sure="computed",
                   n=cost.camera_days, of="camera-days", why=why or ("" if per is not None else "no camera")),
            Figure("cost_per_camera_day_before", "The same in as long a time before",
                   None if why else before.per_camera_day, unit=money, sure="computed", n=before.camera_days,
                   of="camera-days", why=why),
            Figure("cost_total", "Altogether", None if why else cost.total, unit=money, sure="computed", why=why),
            Figure("messages_tried", "Messages tried", cost.messages),
        ),
    )  # fmt: skip


def _limits(asked: Asked) -> tuple[str, ...]:
    said = ["Uptime counts minutes with a scored frame; a camera that was switched on during this time counts from its "
            "beginning."]  # fmt: skip
    if not asked.everything:
        said.append("It is about these campsites only: breakers and messages of the whole site are not in it.")
    return tuple(said)
