"""What is handed to workers next; no cluster is needed to know."""

import random

from grouping.execution.on_ray.tasks import MOST_LARGE, Tasks
from grouping.execution.workers.photo_work import CHUNK, PhotoWork

LARGE = 1000  # bytes beyond which a file is large


def works(*sizes, first=0):
    return [(first + place, PhotoWork(b"x" * size)) for place, size in enumerate(sizes)]


def chunks(count, size=10):
    return iter(works(*[size] * CHUNK, first=CHUNK * number) for number in range(count))


def positions(task):
    return [position for position, _ in task.works]


def taken(tasks, **options):
    return tasks.next(**({"idle": True, "large": True} | options))


def test_chunks_come_one_after_the_other_until_there_are_none():
    tasks = Tasks(chunks(2), LARGE)
    assert positions(taken(tasks)) == [0, 1, 2, 3]
    assert not tasks.over
    assert positions(taken(tasks)) == [4, 5, 6, 7]
    assert taken(tasks) is None
    assert tasks.over


def test_more_photos_are_given_at_a_time_within_the_bytes_allowed():
    tasks = Tasks(chunks(10), LARGE)
    assert len(taken(tasks, photos=16, size=10_000).works) == 16
    assert len(taken(tasks, photos=15, size=10_000).works) == 12
    assert len(taken(tasks, photos=16, size=85).works) == 8
    assert len(taken(tasks, photos=16, size=0).works) == CHUNK
    assert taken(tasks, photos=16, size=10_000) is None


def test_no_chunk_is_asked_for_before_there_is_a_worker_for_it():
    asked = []
    tasks = Tasks((asked.append(1) or chunk for chunk in chunks(9)), LARGE)
    taken(tasks)
    assert len(asked) == 1
    taken(tasks, photos=8, size=10_000)
    assert len(asked) == 3


def test_large_files_come_one_at_a_time_and_alone():
    tasks = Tasks(iter([works(10, 2000, 10, 3000)]), LARGE)
    assert positions(taken(tasks, large=False)) == [0, 2]
    assert taken(tasks, large=False) is None
    assert not tasks.over
    first, second = taken(tasks), taken(tasks)
    assert [positions(first), positions(second)] == [[1], [3]]
    assert first.alone
    assert tasks.over


def test_no_more_than_so_many_large_files_wait():
    asked = []
    many = (asked.append(1) or works(*[2000] * CHUNK) for _ in range(1000))
    assert taken(Tasks(many, LARGE), large=False) is None
    assert len(asked) == MOST_LARGE // CHUNK


def test_what_is_to_be_done_again_comes_first():
    tasks = Tasks(chunks(3), LARGE)
    lost = taken(tasks)
    tasks.put_back(lost)
    assert not tasks.over
    assert taken(tasks) is lost
    assert positions(taken(tasks)) == [4, 5, 6, 7]


def test_photos_of_a_worker_that_died_are_given_apart_and_to_idle_ones():
    tasks = Tasks(chunks(2), LARGE)
    task = taken(tasks)
    task.decided = {1: "ab"}
    singles = task.apart()
    assert [positions(single) for single in singles] == [[0], [1], [2], [3]]
    assert [single.deaths for single in singles] == [1] * 4
    assert [single.decided for single in singles] == [{}, {1: "ab"}, {}, {}]
    for single in singles:
        tasks.put_back(single)
    assert tasks.suspects
    assert positions(taken(tasks, idle=False)) == [4, 5, 6, 7]  # beside other work: none of them
    assert [positions(taken(tasks)) for _ in range(4)] == [[0], [1], [2], [3]]
    assert not tasks.suspects


def test_every_photo_comes_out_once_whatever_happens():
    chance = random.Random(0)
    sizes = [[chance.choice([10, 10, 10, 2000]) for _ in range(CHUNK)] for _ in range(60)]
    tasks = Tasks(
        iter(works(*chunk, first=CHUNK * number) for number, chunk in enumerate(sizes)), LARGE
    )
    done = []
    while not tasks.over:
        photos = chance.choice([4, 8, 16])
        task = taken(tasks, idle=chance.random() < 0.5, large=chance.random() < 0.5, photos=photos)
        if task is None:
            continue
        fate = chance.random()
        if fate < 0.1:
            tasks.put_back(task)
        elif fate < 0.2 and task.deaths == 0:
            for single in task.apart():
                tasks.put_back(single)
        else:
            done += positions(task)
    assert sorted(done) == list(range(60 * CHUNK))
