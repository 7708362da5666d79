"""Parameters of a network that learns by itself: no linear model to start from, no validation part, nothing "auto"."""

from typing import Any

REGRESSOR: dict[str, Any] = {"init": None, "early_stopping": False}
CLASSIFIER: dict[str, Any] = {
    **REGRESSOR,
    "segment": None,
    "pooling": "last",
    "batch_size": 32,
    "learning_rate_schedule": None,
}
ALONE = {"regressor": REGRESSOR, "classifier": CLASSIFIER, "transformer": {}}
