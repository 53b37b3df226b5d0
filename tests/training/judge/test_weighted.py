"""Draws weighted at once equal what libraries say of each draw's rows."""

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)

from realtime_mer.emotion import GEMS
from training.judge import weighted
from training.judge.metrics import (
    Metric,
    affect_metrics,
    bootstrap,
    correlation,
    draws,
    gems_metrics,
    mean_of,
    quadrant_metrics,
    quantile_of,
    sd_of,
    sign_metrics,
)

Reference = Callable[[pd.DataFrame], float]


def made_table(rows: int, groups: int, seed: int) -> pd.DataFrame:
    """Return a table of clips with every column that a metric asks for, with ties among them."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {
        "group": rng.integers(0, groups, rows).astype(str),
        "true_quadrant": rng.integers(0, 4, rows).astype(float),
        "majority": rng.integers(0, 4, rows).astype(float),
        "answers": rng.integers(2, 40, rows),
    }
    for name in ("valence", "arousal"):
        for prefix in ("", "true_", "mean_"):
            columns[f"{prefix}{name}"] = rng.normal(0, 0.4, rows).round(1 if rows % 2 else 9)
    shares = rng.dirichlet(np.ones(4), rows)
    columns |= {f"quadrant_{number}": shares[:, number] for number in range(4)}
    for item in GEMS:
        for prefix in ("", "true_", "mean_"):
            columns[f"{prefix}{item}"] = rng.random(rows)
    return pd.DataFrame(columns)


def one_by_one(table: pd.DataFrame, metric: Reference, *, resamples: int, seed: int) -> list[float]:
    """Return a metric of each draw of groups, whose rows are laid out one after the other."""
    groups = list(table.groupby("group", sort=True).indices.values())
    generator = np.random.default_rng(seed)
    values = []
    for _ in range(resamples):
        drawn = generator.integers(0, len(groups), len(groups))
        values.append(metric(table.iloc[np.concatenate([groups[n] for n in drawn])]))
    return values


def constant(values: Any) -> bool:
    return len(np.unique(values)) < 2


def pearson(a: str, b: str) -> Reference:
    def r(table: pd.DataFrame) -> float:
        if constant(table[a]) or constant(table[b]):
            return math.nan
        return float(np.corrcoef(table[a], table[b])[0, 1])

    return r


def ccc(table: pd.DataFrame) -> float:
    true, said = table["true_valence"], table["valence"]
    shared = np.cov(true, said, bias=True)
    below = shared[0, 0] + shared[1, 1] + (true.mean() - said.mean()) ** 2
    return float(2 * shared[0, 1] / below) if below > 0 else math.nan


def r2(table: pd.DataFrame) -> float:
    if len(table) > 1 and constant(table["true_valence"]):
        return float((table["true_valence"] == table["valence"]).all())
    return float(r2_score(table["true_valence"], table["valence"]))


def said(table: pd.DataFrame) -> Any:
    return table[[f"quadrant_{number}" for number in range(4)]].to_numpy().argmax(1)


def f1(table: pd.DataFrame) -> float:
    options = {"average": "macro", "labels": range(4), "zero_division": 0}
    return float(f1_score(table["true_quadrant"], said(table), **options))


def auc(table: pd.DataFrame) -> float:
    above = table["true_quadrant"].isin((0, 3))
    if constant(above):
        return math.nan
    return float(roc_auc_score(above, table["valence"]))


def explained(table: pd.DataFrame) -> float:
    def deviance(prefix: str) -> float:
        true = table[[f"true_{item}" for item in GEMS]].to_numpy()
        share = np.clip(table[[f"{prefix}{item}" for item in GEMS]].to_numpy(), 1e-4, 1 - 1e-4)
        likelihood = true * np.log(share) + (1 - true) * np.log(1 - share)
        return float(-2 * (table["answers"].to_numpy()[:, None] * likelihood).sum())

    saturated = deviance("true_")
    return 1 - (deviance("") - saturated) / (deviance("mean_") - saturated)


PAIRS: dict[str, tuple[Metric, Reference]] = {
    "mean": (mean_of("valence"), lambda table: table["valence"].mean()),
    "median": (quantile_of("valence", 0.5), lambda table: table["valence"].median()),
    "quartile": (quantile_of("valence", 0.25), lambda table: table["valence"].quantile(0.25)),
    "sd": (sd_of("valence"), lambda table: table["valence"].std()),
    "r": (correlation("valence", "true_valence"), pearson("valence", "true_valence")),
    "R²": (affect_metrics()["R² valence"][0], r2),
    "RMSE": (
        affect_metrics()["RMSE valence"][0],
        lambda table: root_mean_squared_error(table["true_valence"], table["valence"]),
    ),
    "MAE": (
        affect_metrics()["MAE valence"][0],
        lambda table: mean_absolute_error(table["true_valence"], table["valence"]),
    ),
    "CCC": (affect_metrics()["CCC valence"][0], ccc),
    "accuracy": (
        quadrant_metrics()["accuracy"][0],
        lambda table: float(accuracy_score(table["true_quadrant"], said(table))),
    ),
    "macro-F1": (quadrant_metrics()["macro-F1"][0], f1),
    "AUC": (quadrant_metrics()["AUC valence, from valence"][0], auc),
    "deviance": (gems_metrics()["binomial deviance explained"][0], explained),
    "r of shares": (
        gems_metrics()["mean r over nine items"][0],
        lambda table: float(np.mean([pearson(item, f"true_{item}")(table) for item in GEMS])),
    ),
    "sign": (
        sign_metrics()["sign of arousal where |arousal| > .5"][0],
        lambda table: (np.sign(table["arousal"]) == np.sign(table["true_arousal"])).mean(),
    ),
}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's, of draws of a single row
        yield


@pytest.mark.parametrize("name", PAIRS)
@settings(max_examples=15)
@given(rows=st.integers(1, 60), groups=st.integers(1, 12), seed=st.integers(0, 2**32 - 1))
def test_draws_at_once_equal_a_librarys_word_on_each(
    name: str, rows: int, groups: int, seed: int
) -> None:
    table = made_table(rows, groups, seed)
    metric, reference = PAIRS[name]
    expected = one_by_one(table, reference, resamples=3, seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = draws(table, metric, resamples=3, seed=seed)
        value = metric(table)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(value, reference(table), rtol=1e-12, atol=1e-12)


@given(rows=st.integers(1, 60), bins=st.integers(1, 12), seed=st.integers(0, 2**32 - 1))
def test_the_calibration_error_is_that_of_bins_of_a_draws_rows(
    rows: int, bins: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    probability, right = rng.random(rows), rng.integers(0, 2, rows).astype(float)
    weights = rng.integers(0, 4, (5, rows)).astype(float)
    for found, counts in zip(
        weighted.calibration_error(probability, right, weights, bins=bins), weights, strict=True
    ):
        drawn = np.repeat(np.arange(rows), counts.astype(int))
        order = drawn[np.argsort(probability[drawn], kind="stable")]
        parts = np.array_split((probability - right)[order], bins)
        expected = sum(abs(part.sum()) for part in parts) / max(len(order), 1)
        assert found == pytest.approx(expected, abs=1e-12)


def test_a_metric_is_asked_once_for_many_draws_and_a_few_times_for_a_large_table() -> None:
    asked: list[tuple[int, int]] = []

    def of(table: pd.DataFrame, weights: weighted.Floats) -> weighted.Floats:
        asked.append(weights.shape)
        return weighted.mean(table["valence"].to_numpy(), weights)

    table = made_table(50, 10, 0)
    bootstrap(table, Metric(of), resamples=1000)
    assert asked == [(1000, 50), (1, 50)]
    asked.clear()
    large = made_table(60_000, 100, 0)
    assert len(draws(large, Metric(of), resamples=200)) == 200
    assert [rows for rows, _ in asked] == [69, 69, 62]


def test_rows_without_a_number_count_for_nothing() -> None:
    table = pd.DataFrame({"group": list("aabb"), "x": [1.0, math.nan, 3.0, 5.0]})
    assert mean_of("x")(table) == 3.0
    assert quantile_of("x", 0.5)(table) == 3.0
    assert sd_of("x")(table) == 2.0


def test_rows_without_a_group_are_never_drawn() -> None:
    table = pd.DataFrame({"group": ["a", "b", None], "x": [1.0, 1.0, 99.0]})
    assert draws(table, mean_of("x"), resamples=20).tolist() == [1.0] * 20
