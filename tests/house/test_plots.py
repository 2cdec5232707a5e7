"""The plot of the results shows what cards and publications say."""

import pathlib
import runpy

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


def test_the_figure_has_all_points_of_both_data_sets():
    figure = PLOTS["draw"]()
    drawn = [sum(len(each.get_offsets()) for each in axes.collections) for axes in figure.axes]
    assert drawn == [len(PLOTS["points"](dataset)) for dataset in PLOTS["DATASETS"]]
