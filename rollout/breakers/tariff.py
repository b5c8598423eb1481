"""What the watch costs: computed from a configured tariff, not measured. Pure."""

from __future__ import annotations

from core.site_config import Costs


def spend(costs: Costs, *, cameras: int, gpus: int, messages: int, days: float = 1.0) -> float:
    """Cost of ``days`` with so many cameras and GPUs, and of so many messages tried, in the tariff's currency."""
    return days * (cameras * costs.camera_day + gpus * 24 * costs.gpu_hour) + messages * costs.message


def per_camera_day(costs: Costs, *, cameras: int, gpus: int, messages_per_day: float) -> float | None:
    """Cost of one camera for one day with everything shared out; None without cameras."""
    if not cameras:
        return None
    return (spend(costs, cameras=cameras, gpus=gpus, messages=0) + messages_per_day * costs.message) / cameras
