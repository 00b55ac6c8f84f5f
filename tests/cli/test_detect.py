"""`isthmus detect` on real files: what it writes, says, promises, and refuses."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import isthmus
from isthmus.applications.anomaly import AnomalyDetector
from isthmus.applications.anomaly.files import reading, scoring
from isthmus.cli import run
from isthmus.data import files
from isthmus.errors import ModelFileError
from isthmus.storage.container import read_tensor_file, write_tensor_file

SMALL = ["-m", "autoencoder", "-s", "hidden_layer_sizes=16", "-s", "latent_dim=2"]
SMALL += ["-s", "max_epochs=25", "-s", "learning_rate=0.01"]


def numbers(n, rng):
    load = rng.normal(size=n)
    return pd.DataFrame(
        {
            "temperature": 40 + 6 * load + rng.normal(size=n),
            "pressure": 3 + load / 2 + 0.1 * rng.normal(size=n),
            "speed": 1000 + 50 * rng.normal(size=n),
        }
    )


def mixed(n, rng):
    frame = numbers(n, rng)
    frame["protocol"] = rng.choice(["tcp", "udp", "007"], n, p=[0.5, 0.3, 0.2])
    frame["open"] = rng.random(n) < 0.3
    moments = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 10**6, n), unit="s")
    frame["when"] = moments.astype(str)
    return frame


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Give a folder with data and detectors fitted on them, made once."""
    folder = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(0)
    numbers(400, rng).assign(label="normal").to_csv(folder / "train.csv", index=False)
    new = numbers(200, rng)
    odd = [3, 50, 120]
    new.loc[odd, "temperature"] += 60
    new.assign(label=np.where(new.index.isin(odd), "anomaly", "normal")).to_csv(
        folder / "new.csv", index=False
    )
    mixed(400, rng).to_csv(folder / "mixed.csv", index=False)
    other = mixed(120, rng)
    other.loc[7, "protocol"] = "quic"
    other.loc[11, "temperature"] += 90
    other.to_csv(folder / "other.csv", index=False)
    (rows, columns) = np.mgrid[:8, :8]
    shift = rng.random((90, 1, 1)) * 4 + 2
    images = (200 * np.exp(-((rows - shift) ** 2 + (columns - shift) ** 2) / 8)).astype(np.uint8)
    images[-1, 5:8, 0:3] = 255
    files.write(folder / "pictures", images[:80])
    files.write(folder / "seen", images[80:], names=[f"s{i}.png" for i in range(10)])
    here = Path.cwd()
    os.chdir(folder)
    try:
        for name in ("train", "mixed"):
            drop = ["--drop", "label"] if name == "train" else []
            saved = f"{name}.safetensors"
            command = ["detect", f"{name}.csv", *drop, *SMALL, "--save", saved, "-q"]
            assert run(command) == 0
    finally:
        os.chdir(here)
    return folder


@pytest.fixture
def work(made, tmp_path, monkeypatch):
    """Give a working folder of this test's own, with links to what was made."""
    for path in made.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fails(command, capsys, *words, code=2):
    assert run(command) == code
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if "warning" not in line]
    assert len(lines) == 1, err
    for word in words:
        assert word in lines[0], f"{word!r} is not in: {lines[0]}"
    assert out == ""


def test_from_two_files_to_alarms_with_reasons_and_a_report(work, capsys):
    command = ["detect", "train.csv", "--score", "new.csv", "--false-alarm-rate", "0.05"]
    command += ["-o", "alarms.csv", "--report", "report.html", "--labels", "label", *SMALL]
    assert run(command) == 0
    out, err = capsys.readouterr()
    assert err == ""
    flat = " ".join(out.split())
    for part in (
        "fitted on 400 rows of train.csv",
        "at most 5 % of normal rows raise an alarm (conformal, 80 held-out rows",
        "normal rows alone would raise about 10 (",
        "no drift in 200 rows",
        "3 anomalies in 200 rows; AUROC 1.000",
        "alarms.csv, ",
    ):
        assert part in flat
    found = pd.read_csv("alarms.csv", keep_default_na=False)
    assert list(found.columns) == ["row", "score", "p_value", "label", "group", "reasons"]
    assert found["row"].tolist() == list(range(200))
    loud = found[found["label"] == "anomaly"]
    assert set(loud["row"]) >= {3, 50, 120}
    assert (loud["p_value"].astype(float) <= 0.05).all()
    assert (found.loc[found["label"] == "normal", "p_value"].astype(float) > 0.05).all()
    assert (found.loc[found["label"] == "normal", "reasons"] == "").all()
    for row in (3, 50, 120):
        assert re.search(
            r"temperature was [\d.]+, expected -?[\d.]+ ± [\d.]+", loud["reasons"][row]
        )
    assert len(set(loud.loc[[3, 50, 120], "group"])) == 1  # odd for the same reason
    page = Path("report.html").read_text("utf-8")
    for part in ("temperature was", "average precision", "Drift", "Groups", "<svg"):
        assert part in page
    assert not re.search(r'(src|href)="(?!#|data:)', page)


def test_the_file_says_what_the_detector_says(work):
    command = ["detect", "train.safetensors", "--score", "new.csv", "-o", "all.parquet", "-q"]
    assert run(command) == 0
    detector = isthmus.load("train.safetensors")
    assert isinstance(detector, AnomalyDetector)
    X = pd.read_csv("new.csv")[["temperature", "pressure", "speed"]]
    found = pd.read_parquet("all.parquet")
    np.testing.assert_allclose(found["score"], detector.score_samples(X), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["p_value"], detector.p_values(X))
    np.testing.assert_array_equal(found["label"] == "anomaly", detector.predict(X) == -1)
    assert run([*command[:-2], "few.csv", "-q", "--alarms-only"]) == 0
    few = pd.read_csv("few.csv")
    assert few["row"].tolist() == found.loc[found["label"] == "anomaly", "row"].tolist()


@pytest.mark.filterwarnings("default")
def test_batches_give_the_same_as_one(work, monkeypatch, capsys):
    command = ["detect", "mixed.safetensors", "--score", "other.csv", "-q", "-o"]
    for name, rows in (("one.csv", 1 << 16), ("many.csv", 32)):
        monkeypatch.setattr(reading, "_MOST_ROWS", rows)
        monkeypatch.setattr(reading, "_FEWEST_ROWS", rows)
        assert run([*command, name]) == 0
        assert capsys.readouterr().err.count("'quic' in column 'protocol'") == 1
    one, many = pd.read_csv("one.csv"), pd.read_csv("many.csv")
    np.testing.assert_allclose(one["score"], many["score"], rtol=1e-5)
    pd.testing.assert_frame_equal(one.drop(columns="score"), many.drop(columns="score"))


def test_only_the_oddest_alarms_are_explained(work, monkeypatch, capsys):
    monkeypatch.setattr(scoring, "MOST_EXPLAINED", 12)
    monkeypatch.setattr(reading, "_MOST_ROWS", 16)
    monkeypatch.setattr(reading, "_FEWEST_ROWS", 16)
    command = ["detect", "train.safetensors", "--score", "new.csv", "-o", "a.csv"]
    assert run([*command, "--false-alarm-rate", "0.4"]) == 0
    found = pd.read_csv("a.csv")
    loud = found[found["label"] == "anomaly"]
    assert len(loud) > 40
    explained = loud[loud["reasons"].notna() & loud["group"].notna()]
    assert set(explained["row"]) == set(loud.nsmallest(12, "score")["row"])
    assert "reasons are given for the 12 most unusual" in " ".join(capsys.readouterr().out.split())


@pytest.mark.filterwarnings("default")
def test_mixed_columns_have_reasons_in_their_own_words(work):
    command = ["detect", "mixed.safetensors", "--score", "other.csv", "-o", "o.csv", "-q"]
    assert run(command) == 0
    reasons = pd.read_csv("o.csv")["reasons"]
    assert re.search(r"protocol was 'quic', expected '(tcp|udp|007)'", reasons[7])
    assert reasons[11].startswith("temperature was ")


@pytest.mark.filterwarnings("default")
def test_rows_that_cannot_be_scored_are_listed_and_the_others_scored(work, capsys):
    frame = pd.read_csv("other.csv", dtype=str)
    frame.loc[0] = np.nan
    frame.loc[1, "speed"] = "broken"
    frame.loc[2, "speed"] = "inf"
    frame.loc[4, "pressure"] = np.nan
    frame.loc[5, "when"] = "yesterday"
    frame.loc[6, "open"] = "yes"
    frame.loc[8, "open"] = " FALSE"
    frame.to_csv("bad.csv", index=False)
    command = ["detect", "mixed.safetensors", "--score", "bad.csv", "-o", "b.csv"]
    assert run(command) == 0
    assert "6 of 120 rows could not be scored" in capsys.readouterr().err
    found = pd.read_csv("b.csv")
    bad = found[found["label"] == "unscored"]
    assert bad["row"].tolist() == [0, 1, 2, 4, 5, 6]
    assert bad["score"].isna().all()
    assert bad["p_value"].isna().all()
    for row, part in (
        (0, "no value at all"),
        (1, "'speed' is 'broken', no number"),
        (2, "'speed' is infinite"),
        (4, "'pressure' is missing, and the fit saw none missing"),
        (5, "'when' is 'yesterday', no date"),
        (6, "'open' is 'yes', neither True nor False"),
    ):
        assert part in bad["reasons"][row]
    assert run(["detect", "mixed.safetensors", "--score", "other.csv", "-o", "o.csv"]) == 0
    whole = pd.read_csv("o.csv")
    good = (found["label"] != "unscored") & (found.index != 8)
    np.testing.assert_allclose(found["score"][good], whole["score"][good], rtol=1e-5)
    frame.iloc[:1].to_csv("none.csv", index=False)
    capsys.readouterr()
    command[3] = "none.csv"
    fails(command, capsys, "none.csv", "none of the 1 rows can be scored", "no value at all")


@pytest.mark.filterwarnings("default")
def test_numbers_that_are_missing_or_no_numbers(work, capsys):
    frame = pd.read_csv("new.csv", dtype=str).head(30)
    frame.loc[0, ["temperature", "pressure", "speed"]] = np.nan
    frame.loc[1, "speed"] = "n.n."
    frame.loc[2, "speed"] = "-inf"
    frame.loc[3, "speed"] = np.nan
    frame.to_csv("bad.csv", index=False)
    assert run(["detect", "train.safetensors", "--score", "bad.csv", "-o", "b.csv", "-q"]) == 0
    found = pd.read_csv("b.csv")
    assert found.index[found["label"] == "unscored"].tolist() == [0, 1, 2, 3]
    assert found["reasons"][0] == "no value at all"
    assert found["reasons"][1] == "'speed' is 'n.n.', no number"
    assert found["reasons"][2] == "'speed' is infinite"
    assert found["reasons"][3] == "'speed' is missing, and the fit saw none missing"
    capsys.readouterr()
    assert run(["score", "train.safetensors", "bad.csv"]) == 0
    out, err = capsys.readouterr()
    assert "4 of 30 rows could not be scored" in err
    scores = pd.read_csv(pd.io.common.StringIO(out))["score"]
    np.testing.assert_allclose(scores, found["score"], rtol=1e-6)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("cells", [[0, 1, 2], [0.0, 1.0, 2.5], [True, False, "maybe"]])
def test_a_flag_however_it_is_written(cells, work, capsys):
    frame = pd.read_csv("other.csv").head(9)
    frame["open"] = pd.Series(cells * 3, dtype=object)
    frame.to_csv("flags.csv", index=False)
    assert run(["detect", "mixed.safetensors", "--score", "flags.csv", "-o", "f.csv", "-q"]) == 0
    found = pd.read_csv("f.csv")
    assert found.index[found["label"] == "unscored"].tolist() == [2, 5, 8]
    assert found["reasons"][2] == f"'open' is '{cells[2]}', neither True nor False"
    assert found["score"].notna().sum() == 6


@pytest.mark.filterwarnings("default")
def test_scores_that_overflow_are_very_low_and_can_be_shown(work, monkeypatch, capsys):
    plain = AnomalyDetector.score_samples

    def overflowing(self, X):
        scores = plain(self, X)
        scores[[0, 1]] = -np.inf, np.nan
        return scores

    monkeypatch.setattr(AnomalyDetector, "score_samples", overflowing)
    command = ["detect", "train.safetensors", "--score", "new.csv", "--labels", "label", "--json"]
    assert run([*command, "-o", "f.csv", "--report", "f.html"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [record["row"] for record in found["oddest"][:2]] == ["0", "1"]
    for record in found["oddest"]:
        assert record["score"] < 0 < record["p_value"]
        assert record["label"] == "anomaly"
    scores = pd.read_csv("f.csv")["score"]
    assert np.isfinite(scores).all()
    assert scores.nsmallest(2).index.tolist() == [0, 1]
    assert Path("f.html").stat().st_size > 10_000


def test_images_get_a_heat_map(work, capsys):
    command = ["detect", "pictures", "--score", "seen", "-o", "a.csv", "--report", "r.html"]
    assert run([*command, "-m", "autoencoder", "-s", "max_epochs=15", "-s", "network=dense"]) == 0
    found = pd.read_csv("a.csv")
    assert found["name"].tolist() == [f"s{i}.png" for i in range(10)]
    assert found["label"].iloc[-1] == "anomaly"
    row, column = map(int, re.findall(r"\d+", found["reasons"].iloc[-1]))
    assert row >= 5
    assert column <= 2
    assert "heat map" in Path("r.html").read_text("utf-8")
    assert "not judged: 10 rows are too few" in capsys.readouterr().out


def test_a_detector_without_a_decoder_gives_alarms_and_no_reasons(work, capsys):
    svdd = isthmus.DeepSVDD(max_epochs=10, random_state=0)
    train = pd.read_csv("train.csv").drop(columns="label")
    AnomalyDetector(estimator=svdd, random_state=0).fit(train).save("svdd.safetensors")
    words = ["svdd.safetensors", "--score", "new.csv", "--labels", "label"]
    assert run(["detect", *words, "-o", "alarms.csv", "--report", "report.html"]) == 0
    assert "without a decoder there are no reasons" in " ".join(capsys.readouterr().out.split())
    found = pd.read_csv("alarms.csv")
    assert (found["label"][[3, 50, 120]] == "anomaly").all()
    assert found["reasons"].isna().all()
    assert found["group"].isna().all()
    assert "The most unusual rows" in Path("report.html").read_text("utf-8")


def test_arrays_and_a_table_without_names(work, capsys):
    X = pd.read_csv("train.csv").drop(columns="label").to_numpy()
    Z = pd.read_csv("new.csv")
    y = (Z["label"] == "anomaly").to_numpy(int)
    Z = Z.drop(columns="label").to_numpy()
    np.save("x.npy", X)
    np.savez("z.npz", X=Z, y=y)
    np.savetxt("z.csv", np.column_stack([Z, y]), delimiter=",")
    scores = []
    for new, label in (("z.npz", "y"), ("z.csv", "3")):
        command = ["detect", "x.npy", "--score", new, "--labels", label, *SMALL, "--json"]
        assert run([*command, "-o", "o.csv"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["metrics"]["anomalies"] == 3
        assert found["metrics"]["auroc"] == 1.0
        scores.append(pd.read_csv("o.csv")["score"])
        assert "x0 was" in pd.read_csv("o.csv")["reasons"][3]
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-5)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_mixed_tables_of_other_makes(suffix, work, capsys):
    train, new = pd.read_csv("mixed.csv", nrows=200), pd.read_csv("other.csv")
    for name, frame in (("t", train), ("n", new)):
        frame["when"] = pd.to_datetime(frame["when"])
        if suffix == ".csv":
            frame.to_csv(f"{name}.csv", index=False, header=False)
        else:
            frame["protocol"] = frame["protocol"].astype("category")
            frame.to_parquet(f"{name}.parquet")
    command = ["detect", f"t{suffix}", "--score", f"n{suffix}", *SMALL, "-o", "o.csv", "-q"]
    assert run(command) == 0
    found = pd.read_csv("o.csv")
    assert found["score"].notna().all()
    assert found["label"][11] == "anomaly"
    name = "0" if suffix == ".csv" else "temperature"
    assert f"{name} was " in found["reasons"][11]
    assert "'quic'" in capsys.readouterr().err


def test_json_is_all_there_is_and_quiet_says_nothing(work, capsys):
    command = ["detect", "train.safetensors", "--score", "new.csv"]
    assert run([*command, "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert err == ""
    assert found["rows"] == 200
    low, mean, high = (found["expected_of_normal_rows"][k] for k in ("low", "mean", "high"))
    assert low < mean == 200 * found["threshold"]["details"]["false_alarm_rate"] < high
    assert found["threshold"]["rule"] == "false alarm rate"
    assert found["oddest"][0]["row"] in {"3", "50", "120"}
    assert found["drift"]["drifted"] is False
    assert run([*command, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_the_same_seed_gives_the_same_scores(work, capsys):
    scores = []
    for words in (["--seed", "3"], ["--seed", "3"], ["--seed", "4"]):
        command = ["detect", "train.csv", "--drop", "label", *SMALL, *words, "-q"]
        assert run([*command, "--score", "new.csv", "-o", "s.csv"]) == 0
        scores.append(Path("s.csv").read_text())
    assert scores[0] == scores[1] != scores[2]


def test_the_line_of_a_saved_detector_is_drawn_anew_and_kept(work, capsys):
    command = ["detect", "train.safetensors", "--false-alarm-rate", "0.2", "--save"]
    assert run([*command, "loose.safetensors"]) == 0
    assert "at most 20 % of normal rows" in " ".join(capsys.readouterr().out.split())
    loose, strict = isthmus.load("loose.safetensors"), isthmus.load("train.safetensors")
    assert loose.threshold_.value == strict.calibration_.threshold(0.2)
    assert strict.threshold_.details["false_alarm_rate"] < 0.1
    X = pd.read_csv("new.csv")[["temperature", "pressure", "speed"]]
    np.testing.assert_array_equal(loose.predict(X) == -1, strict.p_values(X) <= 0.2)


def test_the_three_other_lines(work, capsys):
    fit = ["detect", "train.csv", "--drop", "label", *SMALL, "-q"]
    assert run([*fit, "--contamination", "0.1", "--save", "c.safetensors"]) == 0
    pot = ["--tail", "pot", "--false-alarm-rate", "0.001", "-s", "calibration_fraction=0.6"]
    assert run([*fit, *pot, "--save", "p.safetensors"]) == 0
    other = ["--scores", "mahalanobis,neighbours", "-s", "trim=0.1", "--false-alarm-rate", "0.04"]
    assert run([*fit, *other]) == 0
    names = [score.name for score in isthmus.load("detector.safetensors").ensemble_[0].scores]
    assert names == ["mahalanobis", "neighbours"]
    for name, part in (
        ("c", "10 % of the 400 training rows lie there"),
        ("p", "0.1 % of normal rows, extrapolated from the tail of 240 held-out rows"),
        ("detector", "at most 4 % of normal rows raise an alarm"),
    ):
        capsys.readouterr()
        assert run(["info", f"{name}.safetensors"]) == 0
        out = " ".join(capsys.readouterr().out.split())
        assert part in out
        assert "Autoencoder, dense 16-2, codes of 2" in out
        assert "held-out rows; the smallest p-value" in out
        assert "temperature, pressure, speed" in out
    assert run(["info", "p.safetensors", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["threshold"]["rule"] == "peaks over threshold"
    assert found["members"][0]["last_epoch"]["epoch"] <= 25
    assert "history" not in found["members"][0]


def test_other_verbs_say_what_a_detector_is_for(work, capsys):
    for command in (["encode"], ["reconstruct"], ["diagnose"]):
        fails([*command, "train.safetensors", "new.csv"], capsys, "anomaly detector", "--score")
    fails(["sample", "train.safetensors"], capsys, "anomaly detector")


def test_rows_of_the_fit_are_not_judged_for_drift(work, capsys):
    command = ["detect", "train.csv", "--drop", "label", *SMALL, "--score", "train.csv", "--json"]
    assert run(command) == 0
    assert json.loads(capsys.readouterr().out)["drift"]["said"].startswith("not judged")


def test_drift_is_seen(work, capsys):
    rng = np.random.default_rng(1)
    frame = numbers(300, rng)
    frame.loc[150:, "speed"] += 200
    frame.to_parquet("late.parquet")
    assert run(["detect", "train.safetensors", "--score", "late.parquet", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["drift"] == found["drift"] | {"drifted": True, "since": 150}


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["absent.csv"], ["absent.csv", "no such file"]),
        (["train.csv", "--score", "absent.csv"], ["absent.csv", "no such file"]),
        (["train.csv", "-o", "a.csv"], ["--output", "--score"]),
        (["train.csv", "--report", "r.html"], ["--report", "--score"]),
        (["train.csv", "--alarms-only"], ["--alarms-only", "--score"]),
        (["train.csv", "--score", "new.csv", "--alarms-only"], ["--alarms-only", "--output"]),
        (["train.csv", "--score", "new.csv", "-o", "a.npy"], ["a.npy", ".parquet"]),
        (["train.csv", "--score", "new.csv", "-o", "new.csv"], ["new.csv", "read from"]),
        (["train.csv", "--score", "new.csv", "--report", "r.pdf"], ["r.pdf", ".html"]),
        (["train.csv", "--save", "d.pt"], ["d.pt", ".safetensors"]),
        (["train.csv", "--save", "none/d.safetensors"], ["none", "does not exist"]),
        (["train.csv", "--tail", "pot"], ["--tail", "--false-alarm-rate"]),
        (["train.csv", "--tail", "odd", "--false-alarm-rate", "0.1"], ["tail", "'odd'"]),
        (["train.csv", "--false-alarm-rate", "2"], ["false_alarm_rate", "2"]),
        (
            ["train.csv", "--false-alarm-rate", "0.1", "--contamination", "0.1"],
            ["--contamination", "--false-alarm-rate"],
        ),
        (["train.csv", "--contamination", "0.7"], ["contamination", "0.7"]),
        (["train.csv", "--scores", "magic"], ["scores", "'magic'"]),
        (["train.csv", "-m", "variatonal"], ["--model", "did you mean 'variational'"]),
        (["train.csv", "-s", "latent_dim=2"], ["latent_dim", "--model"]),
        (["train.csv", "-m", "sparse", "-s", "lattent_dim=2"], ["lattent_dim", "latent_dim"]),
        (["train.csv", "-s", "trim=0.1", "-s", "scores=bound", "--scores", "bound"], ["--scores"]),
        (["train.csv", "-s", "verbose=1"], ["verbose", "--quiet"]),
        (["train.csv", "--seed", "1", "-s", "random_state=1"], ["--seed", "random_state"]),
        (["train.csv", "--top", "0"], ["--top"]),
        (["train.csv", "--key", "x"], ["--key", "train.csv"]),
        (["train.csv", "--image-size", "8x8"], ["--image-size", "train.csv"]),
        (["train.csv", "--drop", "presure"], ["did you mean 'pressure'"]),
        (["train.safetensors"], ["--score"]),
        (["train.safetensors", "--score", "new.csv", "--seed", "1"], ["--seed", "fitted"]),
        (["train.safetensors", "--score", "new.csv", "-m", "sparse"], ["--model", "fitted"]),
        (["train.safetensors", "--score", "new.csv", "--tail", "pot"], ["--tail"]),
        (
            ["train.safetensors", "--score", "new.csv", "--false-alarm-rate", "0.001"],
            ["0.001", "held-out rows", "pot"],
        ),
        (["train.safetensors", "--score", "new.csv", "--labels", "lable"], ["'label'"]),
        (["train.safetensors", "--score", "new.csv", "--labels", "speed"], ["--labels", "speed"]),
        (["train.safetensors", "--score", "seen"], ["seen", "(8, 8)"]),
        (["mixed.safetensors", "--score", "new.csv"], ["lacks columns 'protocol'"]),
        (["mixed.safetensors", "--score", "x.npy"], ["x.npy", "CSV or Parquet"]),
    ],
)
def test_mistakes_are_told_in_one_line(words, parts, work, capsys):
    np.save("x.npy", np.zeros((3, 6)))
    fails(["detect", *words], capsys, *parts)
    assert not list(work.glob("*.html"))
    assert not Path("a.csv").exists()


def test_a_model_that_is_no_detector(work, capsys):
    short = ["-s", "max_epochs=1", "-s", "latent_dim=1", "-q"]
    assert run(["fit", "train.csv", "--drop", "label", *short]) == 0
    fails(["detect", "model.safetensors", "--score", "new.csv"], capsys, "Autoencoder", "--model")


@pytest.mark.parametrize(
    "change", [{"unknown": "zzz"}, {"complete": []}, {"fields": []}, {"names": ["speed"]}]
)
def test_a_detector_whose_encoder_is_damaged(change, work, capsys):
    header, tensors = read_tensor_file("mixed.safetensors", "model")
    header["encoder"] |= change
    write_tensor_file("damaged.safetensors", "model", header, tensors)
    with pytest.raises(ModelFileError, match=r"^damaged\.safetensors is damaged"):
        isthmus.load("damaged.safetensors")
    fails(["detect", "damaged.safetensors", "--score", "other.csv"], capsys, "is damaged")


def test_labels_that_say_nothing(work, capsys):
    frame = pd.read_csv("new.csv")
    frame["label"] = [f"kind {i % 4}" for i in range(len(frame))]
    frame.to_csv("kinds.csv", index=False)
    command = ["detect", "train.safetensors", "--score", "kinds.csv", "--labels", "label"]
    fails(command, capsys, "labels", "'kind 0'")


def test_in_a_process_of_its_own(work, forks):
    command = ["detect", "train.csv", "--drop", "label", "--score", "new.csv", *SMALL]
    done = forks.isthmus(*command, "-o", "a.csv", "--report", "r.html")
    assert (done.returncode, done.stderr) == (0, "")
    assert "of normal rows raise an alarm" in " ".join(done.stdout.split())
    assert len(pd.read_csv("a.csv")) == 200
    assert Path("detector.safetensors").exists() is False
    assert "isthmus detect train.csv --drop label" in Path("r.html").read_text("utf-8")
