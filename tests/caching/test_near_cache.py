"""The near cache keeps to its bounds, whatever is put into it."""

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from service.storage.near_cache import _ENTRY_OVERHEAD, Entry, NearCache
from service.telemetry.store_metrics import CacheMetrics

ENTRIES, BYTES = 5, 2_000
steps = st.lists(
    st.tuples(st.sampled_from(["keep", "keep", "keep", "drop"]), st.integers(0, 9), st.integers(0, 2_500)), max_size=60
)


def near_cache(entries: int = ENTRIES, most_bytes: int = BYTES) -> NearCache:
    return NearCache(entries, most_bytes, CacheMetrics(CollectorRegistry()).near_evictions)


@given(script=steps)
def test_neither_bound_is_ever_passed_and_the_oldest_goes_first(script: list[tuple[str, int, int]]) -> None:
    near = near_cache()
    model: OrderedDict[str, int] = OrderedDict()
    for action, number, length in script:
        key = str(number)
        model.pop(key, None)
        if action == "drop":
            near.drop(key)
        else:
            near.keep(key, Entry(1, b"x" * length), 10.0, 20.0)
            if length + _ENTRY_OVERHEAD <= BYTES:
                model[key] = length + _ENTRY_OVERHEAD
            while len(model) > ENTRIES or sum(model.values()) > BYTES:
                model.popitem(last=False)

        assert list(near._held) == list(model)
        assert near.size == sum(model.values()) <= BYTES
        assert len(near) == len(model) <= ENTRIES


def test_an_entry_too_large_for_the_cache_drives_out_no_other() -> None:
    near = near_cache()
    near.keep("small", Entry(1, b"x"), 10.0, 20.0)

    near.keep("large", Entry(1, b"x" * BYTES), 10.0, 20.0)

    assert near.find_fresh("large", 0.0) is None
    assert near.find_fresh("small", 0.0) is not None


def test_what_is_replaced_by_something_too_large_is_gone() -> None:
    near = near_cache()
    near.keep("key", Entry(1, b"old"), 10.0, 20.0)

    near.keep("key", Entry(2, b"x" * BYTES), 10.0, 20.0)

    assert near.find_any("key", 0.0) is None


def test_a_cache_of_no_entries_keeps_nothing() -> None:
    near = near_cache(entries=0)

    near.keep("key", Entry(1, b"x"), 10.0, 20.0)

    assert near.find_any("key", 0.0) is None


def test_an_entry_is_fresh_then_outdated_then_nothing() -> None:
    near = near_cache()
    near.keep("key", Entry(1, b"x"), 10.0, 20.0)

    seen = [(near.find_fresh("key", now) is not None, near.find_any("key", now) is not None) for now in (9.9, 10, 20)]

    assert seen == [(True, True), (False, True), (False, False)]


def test_what_is_known_to_be_unknown_is_never_shown_as_outdated() -> None:
    near = near_cache()
    near.keep("key", Entry(0, b""), 10.0, 20.0)

    assert near.find_fresh("key", 0.0) is not None
    assert near.find_any("key", 15.0) is None
