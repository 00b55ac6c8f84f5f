"""Run benchmarks by name, or all of them; write docs/results.md from the ledger.

python -m benchmarks                 all
python -m benchmarks --classical     the tables of the papers from 1987 to 2014
python -m benchmarks --anomaly       anomaly detection beside PyOD and scikit-learn
python -m benchmarks --generative    likelihoods, disentanglement, samples, faces, levels, music
python -m benchmarks speed startup   some
python -m benchmarks --docs          only the page
python -m benchmarks --list          their names
"""

from __future__ import annotations

import argparse
import importlib
import sys

from benchmarks.ledger import write_page

# The published tables of 1987 to 2014 beside ours.
CLASSICAL = [
    "deep_autoencoder",
    "pretraining",
    "k_sparse",
    "stacked_denoising",
    "few_labels",
    "predictive_sparse",
    "recirculation",
    "score_field",
    "parabola",
]
# Anomaly detection, beside PyOD, scikit-learn and published values.
ANOMALY = [
    "adbench",
    "heat_map",
    "one_class",
    "false_alarms",
    "nsl_kdd",
    "ecg5000",
    "nab",
    "million_rows",
]
# The generative family.
GENERATIVE = [
    "mnist_nll",
    "vamp_prior",
    "posterior_collapse",
    "disentanglement",
    "sample_quality",
    "faces",
    "levels",
    "chorales",
]
NAMES = [
    "startup",
    "speed",
    "precision",
    "pca",
    "defaults",
    "mnist_reconstruction",
    "mnist_denoising",
    "mnist_variational",
    *CLASSICAL,
    *ANOMALY,
    *GENERATIVE,
]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help="which; all if none")
    parser.add_argument("--classical", action="store_true", help="only the papers' tables")
    parser.add_argument("--anomaly", action="store_true", help="only anomaly detection")
    parser.add_argument("--generative", action="store_true", help="only the generative family")
    parser.add_argument("--docs", action="store_true", help="only write docs/results.md")
    parser.add_argument("--list", action="store_true", help="print the names")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(NAMES))
        return 0
    if not arguments.docs:
        groups = (
            (arguments.classical, CLASSICAL),
            (arguments.anomaly, ANOMALY),
            (arguments.generative, GENERATIVE),
        )
        group = next((names for wanted, names in groups if wanted), NAMES)
        for name in arguments.names or group:
            print(f"== {name}", flush=True)
            importlib.import_module(f"benchmarks.{name}").run()
    write_page()
    return 0


if __name__ == "__main__":
    sys.exit(main())
