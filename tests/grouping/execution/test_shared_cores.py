"""Shares of the cores are of the thread that takes them, and of no other."""

import threading

import torch

from grouping.execution.shared_cores import take_share


def in_a_thread(work):
    found = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def test_a_share_is_of_one_thread():
    usual, mine = in_a_thread(torch.get_num_threads), torch.get_num_threads()

    def shares():
        found = []
        for threads in (1, 2, usual, 10 * usual, 1):
            take_share(threads)
            found.append(torch.get_num_threads())
            assert in_a_thread(torch.get_num_threads) == usual
        return found

    assert in_a_thread(shares) == [usual, max(1, usual // 2), 1, 1, usual]
    assert torch.get_num_threads() == mine
    assert in_a_thread(torch.get_num_threads) == usual
