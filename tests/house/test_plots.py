"""The plot of the results shows what cards and publications say."""

import pathlib
import runpy

import pytest

from dia_keras import zoo

PLOTS = runpy.run_path(str(pathlib.Path(__file__).parents[2] / "zoo" / "tools" / "plots.py"))


def test_every_entry_with_weights_and_every_published_figure_is_a_point():
    found = PLOTS["points"]("cifar100")
    ours = {point.network: (point.parameters, point.top1) for point in found if point.whose == "ours"}
    assert ours == {
        name.removesuffix("_cifar100"): (zoo.card(name).parameters, zoo.card(name).metrics.top1)
        for name in zoo.list_models("*_cifar100", pretrained=True)
    }
    assert ("dia_resnet164", "paper (best epoch)", 77.09) in {(p.network, p.whose, p.top1) for p in found}
    assert ("dia_resnet164", "best published", 80.47) in {(p.network, p.whose, p.top1) for p in found}


@pytest.fixture(scope="module")
def figure():
    return PLOTS["draw"]()


def test_the_figure_has_all_points_of_both_data_sets(figure):
    drawn = [sum(len(each.get_offsets()) for each in axes.collections) for axes in figure.axes]
    assert drawn == [len(PLOTS["points"](dataset)) for dataset in PLOTS["DATASETS"]]


def test_no_name_is_over_another_or_over_a_point(figure):
    figure.draw_without_rendering()
    for axes in figure.axes:
        names = [text.get_window_extent() for text in axes.texts]
        assert [text.get_text() for text in axes.texts if text.get_window_extent().count_overlaps(names) > 1] == []
        places = [
            place for each in axes.collections for place in each.get_offset_transform().transform(each.get_offsets())
        ]
        assert len(names) == len(places) and not any(box.contains(*place) for box in names for place in places)
