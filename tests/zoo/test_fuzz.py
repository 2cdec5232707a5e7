"""A short run of `fuzz_weights.py`; the command runs a long one."""

import fuzz_weights


def test_a_damaged_file_loads_exactly_or_is_refused_and_never_ends_python(tmp_path):
    fuzz_weights.prepare(tmp_path)
    outcomes = fuzz_weights.fuzz(tmp_path, mutations=50, seed=1)
    assert len(outcomes) == 150
    assert fuzz_weights.bad(outcomes) == []
    assert sum(row["outcome"] == "refused" for row in outcomes) > 75
