"""What many tests begin with: an install, and settings that train in seconds."""

from __future__ import annotations

from revenue_model.training.settings import TrainingSettings

INSTALL = {
    "country": "us",
    "country_region": "California",
    "source": "Organic",
    "platform": "iOS",
    "device_family": "Apple iPhone",
    "os_version": "14.4",
    "event_1": 0.0,
    "event_2": 42.0,
    "event_3": 1.0,
}
SMALL = TrainingSettings(
    seed=7,
    level=0.9,
    folds=3,
    num_boost_round=20,
    depth=3,
    learning_rate=0.1,
    device="cpu",
    threads=1,
)
