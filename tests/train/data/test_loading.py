from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest
import torch
from counted import Counted, Smaller

from recon.errors import CaptureError, ResourceError
from train.data.loading import Order, batches
from train.data.mixture import Mixture
from train.data.preparation import BatchShape, Preparation
from train.sample import Batch

SHAPES = (BatchShape((24, 32), (6, 8)), BatchShape((32, 32), (8, 8)))


def order(*datasets: Counted, batch_size: int = 2, rank: int = 0, world_size: int = 1) -> Order:
    mixture = Mixture(datasets or (Counted(9),), (1.0,) * max(1, len(datasets)))
    return Order(mixture, Preparation(Smaller(), failing=0.5), SHAPES, batch_size, 11, rank, world_size)


def same(one: Batch, other: Batch) -> bool:
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in Batch.__dataclass_fields__)


def taken(source: Iterator[Batch], count: int) -> list[Batch]:
    made = list(islice(source, count))
    source.close()  # type: ignore[attr-defined]
    return made


def test_a_resumed_run_gets_the_batches_that_it_would_have_had() -> None:
    through, resumed = taken(batches(order()), 6), taken(batches(order(), first_step=4), 2)
    assert all(map(same, through[4:], resumed))
    assert not same(through[0], through[1])


def test_workers_do_not_change_the_batches() -> None:
    alone, together = taken(batches(order(), 3), 5), taken(batches(order(), 3, workers=2), 5)
    assert all(map(same, alone, together))


def test_the_ranks_share_the_batch_of_one_machine() -> None:
    whole = order(batch_size=4)
    halves = [order(batch_size=2, rank=rank, world_size=2) for rank in (0, 1)]
    for step in range(4):
        expected, parts = whole.batch(step), [half.batch(step) for half in halves]
        for name in Batch.__dataclass_fields__:
            torch.testing.assert_close(torch.cat([getattr(part, name) for part in parts]), getattr(expected, name))


def test_every_batch_has_one_of_the_shapes_and_all_come_up() -> None:
    made = taken(batches(order()), 12)
    assert {tuple(batch.image.shape[2:]) for batch in made} == {(24, 32), (32, 32)}
    for batch in made:
        assert (batch.prompt.shape[-2:] == (6, 8)) == (batch.image.shape[-2] == 24)


def test_an_unusable_sample_is_replaced_by_the_next_of_its_dataset() -> None:
    depths = {float(place.median()) for batch in taken(batches(order(Counted(4, unusable=(1, 2)))), 8)
              for place in batch.target}  # fmt: skip
    assert depths == {1.0, 4.0}


def test_a_dataset_without_a_usable_sample_is_told() -> None:
    with pytest.raises(CaptureError, match="counted: no usable sample in 3 .*shows nothing"):
        order(Counted(3, unusable=(0, 1, 2))).batch(0)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_file_ends_in_its_sentence(workers: int) -> None:
    source = batches(order(Counted(1, damaged=(0,))), workers=workers)
    with pytest.raises(CaptureError, match="^0.png: damaged; download it again$"):
        next(source)


def test_a_worker_that_dies_is_told_in_a_sentence() -> None:
    source = batches(order(Counted(1, deadly=(0,))), workers=1)
    with pytest.raises(ResourceError, match="process that loads data died .*fewer than 1 workers"):
        next(source)


@pytest.mark.parametrize(
    ("change", "told"),
    [({"shapes": ()}, "0 shapes"), ({"batch_size": 0}, "batches of 0"), ({"rank": 2, "world_size": 2}, "rank is 2")],
)
def test_an_order_that_makes_no_sense_is_refused(change: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        replace(order(), **change)
