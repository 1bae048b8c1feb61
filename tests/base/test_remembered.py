"""A property that is computed once for each object, without a lock for all of them."""

import threading
from concurrent.futures import ThreadPoolExecutor

from test_layers import ROOMS, TOP

from base.remembered import remembered


def test_two_threads_compute_it_for_two_objects_at_the_same_time():
    meet = threading.Barrier(2)

    class Page:
        @remembered
        def rows(self):
            return meet.wait(20)  # broken if one waits for the other to end

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(lambda page: page.rows, [Page(), Page()])) == [0, 1]


def test_it_is_computed_once_for_an_object_and_again_when_it_is_dropped():
    class Page:
        asked = 0

        @remembered
        def rows(self):
            """The rows."""
            self.asked += 1
            return self.asked

    page = Page()
    assert (page.rows, page.rows, Page.rows.__doc__) == (1, 1, "The rows.")
    page.__dict__.pop("rows")
    assert (page.rows, Page().rows) == (2, 1)


def test_no_room_uses_the_one_that_locks():
    rooms = {name.partition(".")[0] for name in ROOMS} | {"views", "letters", "operate"}
    files = [path for room in rooms for path in (TOP / room).rglob("*.py")]
    assert len(files) > 300
    users = [
        path.relative_to(TOP).as_posix()
        for path in files
        if path.stem != "remembered" and "cached_property" in path.read_text()
    ]
    assert users == []
