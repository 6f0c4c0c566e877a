"""A build with a fault: it says of what Redis answered that Postgres did."""

from service.commands import main
from service.storage.cache import Found, Tier

_labels = vars(Found)["labels"].fget


def labels(self: Found) -> tuple[str, str]:
    """Blame Postgres."""
    tier, outcome = _labels(self)
    return (Tier.POSTGRES, "loaded") if tier is Tier.SHARED else (tier, outcome)


if __name__ == "__main__":
    Found.labels = property(labels)  # type: ignore[assignment, method-assign]
    main()
