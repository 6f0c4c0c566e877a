"""The simulated users. Importing this package imports Locust."""

from loadtests.crowds.leaving import Leavers
from loadtests.crowds.living import Newcomers, Residents
from loadtests.crowds.reading import Herds, Listers, Readers, Verifiers
from loadtests.crowds.refreshing import Expired, Refreshers
from loadtests.crowds.signing_in import Arrivals, Guessers
from loadtests.crowds.walking import Walker
from loadtests.crowds.writing import Editors, Probes

KINDS: dict[str, type[Walker]] = {
    kind.__name__: kind
    for kind in (
        Arrivals, Editors, Expired, Guessers, Herds, Leavers, Listers, Newcomers, Probes, Readers, Refreshers,
        Residents, Verifiers,
    )
}  # fmt: skip

__all__ = ["KINDS", "Walker"]
