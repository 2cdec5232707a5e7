"""Tests of the picture of a run."""

from matplotlib.figure import Figure

from dia_keras.training.runs.curves import plot_curves

LOG = "epoch,loss,accuracy\n0,2.5,0.1\n1,2.0,0.2\n2,1.5,0.3\n"


def test_ticks_are_whole_epochs(tmp_path, monkeypatch):
    drawn = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda figure, *args, **kwargs: (drawn.append(figure), save(figure, *args, **kwargs))
    )
    (tmp_path / "log.csv").write_text(LOG)
    plot_curves(tmp_path / "log.csv", tmp_path / "curves.png", "x")
    assert all(tick == int(tick) for axes in drawn[0].axes for tick in axes.get_xticks())
