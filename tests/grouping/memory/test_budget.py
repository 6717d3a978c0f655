"""The parts of a budget never add up to more than it, whatever is asked for."""

import pytest

from grouping.errors import ConfigError, MemoryLimitError
from grouping.memory.allowance import Allowance
from grouping.memory.budget import CALLER, PROCESS, check_file, least_memory, split_memory

MIB = 2**20


@pytest.mark.parametrize("weights", [5 * MIB, 175 * MIB])
@pytest.mark.parametrize("workers", [0, 1, 2, 8, 64])
def test_the_parts_hold(weights, workers):
    for total in range(least_memory(weights), 70_000 * MIB, 517 * MIB):
        found = split_memory(total, workers, weights)
        process = PROCESS + 5 * weights
        assert 0 <= found.workers <= workers
        assert CALLER + process + found.here + 2 * found.ahead <= total
        if found.workers:
            processes = found.workers * (process + found.usual)
            assert CALLER + processes + found.large + 2 * found.ahead <= total
            assert found.file * 4 <= found.large
        assert min(found.ahead, found.file, found.chunk, found.here, found.large) > 0


def test_less_than_the_networks_need_says_how_much_works():
    least = least_memory(175 * MIB)
    with pytest.raises(ConfigError, match=f"the least that works is {-(-least // MIB)}M"):
        split_memory(500 * MIB, 4, 175 * MIB)
    assert split_memory(least, 4, 175 * MIB).workers == 0


def test_a_file_that_is_too_large_says_how_much_is_enough():
    found = split_memory(900 * MIB, 2, 5 * MIB)
    check_file(None, 5)
    check_file(found.file, found.file)
    with pytest.raises(MemoryLimitError, match="--memory 3200M") as caught:
        check_file(200 * MIB, found.file)
    assert caught.value.retryable
    assert split_memory(3200 * MIB, 2, 5 * MIB).file >= 200 * MIB


@pytest.mark.parametrize("workers", [0, 1, 4, 16])
def test_the_memory_that_a_refusal_names_is_enough(workers):
    for needed in range(100 * MIB, 2500 * MIB, 77 * MIB):
        small = split_memory(900 * MIB, workers, 5 * MIB)
        allowance = Allowance()
        allowance.set(small.here, small.total)
        if needed <= small.here:
            continue
        with pytest.raises(MemoryLimitError) as caught, allowance.taken(needed, "it"):
            pass
        enough = int(str(caught.value).split("--memory ")[1].rstrip("MG"))
        enough *= 2**30 if str(caught.value).endswith("G") else MIB
        assert split_memory(enough, workers, 5 * MIB).large >= needed


def test_a_network_that_all_workers_map_leaves_room_for_more_of_them():
    weights = 175 * MIB  # of IR-50
    for total in range(least_memory(weights), 20_000 * MIB, 517 * MIB):
        found = split_memory(total, 8, weights, mapped=True)
        assert found.workers >= split_memory(total, 8, weights).workers
        taken = CALLER + weights + found.workers * (PROCESS + found.usual) + 2 * found.ahead
        assert not found.workers or taken + found.large <= total
    assert split_memory(2560 * MIB, 2, weights, mapped=True).workers == 2
    assert split_memory(2560 * MIB, 2, weights).workers == 1
