"""The command line, from the outside."""

import dataclasses
import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from identities import catalog
from identities.cli import main
from identities.latex import plain
from identities.oracle.verdict.inquiry import inquire


def test_verify_prints_a_table_and_a_summary(capsys, tmp_path):
    file = tmp_path / "verdicts.json"
    arguments = ["verify", "matvec_jacobian_x", "softmax_vjp", "--shapes", "1", "--instances", "8", "--json", str(file)]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "∂Wx/∂x = W" in out
    assert "exact" in out
    assert "2 of 2 identities passed: 32 instances on" in out
    assert "seed 0" in out
    records = json.loads(file.read_text())
    assert [record["identity"] for record in records] == ["matvec_jacobian_x", "softmax_vjp"]
    assert all(record["passed"] for record in records)


def test_a_failed_claim_is_explained_and_exits_with_one(capsys, monkeypatch):
    wrong = dataclasses.replace(catalog["exp_vjp"], closed_form=lambda delta, x: delta * x)
    monkeypatch.setattr("identities.cli.find", lambda name: wrong)
    assert main(["verify", "exp_vjp", "--shapes", "1", "--instances", "8"]) == 1
    out = capsys.readouterr().out
    assert "FAILED" in out
    assert "exp_vjp is not what jacfwd says" in out
    assert "repeat with: identities verify exp_vjp --dtypes float64 float32 --shapes 1" in out
    assert "0 of 1 identities passed" in out


def test_brackets_in_a_formula_are_printed(capsys):
    assert main(["verify", "relu_vjp", "--shapes", "1", "--instances", "8"]) == 0
    assert "[x > 0]" in capsys.readouterr().out


def test_a_file_that_cannot_be_written_is_refused_before_the_work(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["verify", "relu_vjp", "--json", "/nowhere/verdicts.json"])
    assert exit_.value.code == 2
    assert "there is no folder for /nowhere/verdicts.json" in capsys.readouterr().err


def test_list_prints_what_a_source_has(capsys):
    assert main(["list", "--source", "notes (7)"]) == 0
    out = capsys.readouterr().out
    assert "softmax_cross_entropy_jacobian_theta" in out
    assert "matvec" not in out


def test_list_as_json(capsys):
    assert main(["list", "--json"]) == 0
    records = {record["name"]: record for record in json.loads(capsys.readouterr().out)}
    assert set(records) == set(catalog)
    assert records["mean_squared_error_jacobian_theta"] == {
        "name": "mean_squared_error_jacobian_theta",
        "kind": "jacobian",
        "topic": "linear_regression.loss",
        "function": "identities.linear_regression.loss.mean_squared_error",
        "closed_form": "identities.linear_regression.loss.mean_squared_error_jacobian_theta",
        "wrt": "theta",
        "statement": catalog["mean_squared_error_jacobian_theta"].statement,
        "sources": [
            {
                "document": "Notes",
                "equation": "regression",
                "erratum": catalog["mean_squared_error_jacobian_theta"].sources[0].erratum,
            }
        ],
        "exact": False,
    }


def test_show_says_all(capsys):
    assert main(["show", "softmax_cross_entropy_jacobian_theta"]) == 0
    out = capsys.readouterr().out
    assert "∂J/∂θ = (ŷ - y)ᵀ" in out
    assert "theta (n,), y (n,)" in out
    assert "Notes (7)" in out
    assert "y: non-negative entries that sum to one" in out
    assert "Prediction minus target" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "softmax_jacobean"], "did you mean softmax_jacobian"),
        (["verify", "zzz"], "no identity 'zzz'; `identities list` prints the names"),
        (["verify", "exp_vjp", "--device", "abacus"], "there is no 'abacus' device here"),
        (["verify", "exp_vjp", "--shapes", "0"], "shapes must be at least 1"),
        (["verify", "exp_vjp", "--dtypes", "float63"], "invalid choice: 'float63'"),
        (["verify", "exp_vjp", "--instances", "many"], "invalid int value: 'many'"),
        ([], "required: COMMAND"),
    ],
)
def test_misuse_is_answered_in_words(capsys, arguments, said):
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert said in capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--version"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out == f"identities {importlib.metadata.version('identities')}\n"


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("x"), OSError("x")])
def test_an_error_of_the_oracle_is_no_misuse_and_keeps_no_other_verdict_back(capsys, monkeypatch, tmp_path, error):
    def broken(inquiry):
        if inquiry.claim.name == "exp_vjp":
            raise error
        return inquire(inquiry)

    monkeypatch.setattr("identities.oracle.verify.inquire", broken)
    file = tmp_path / "verdicts.json"
    assert main(["verify", "exp_vjp", "exp_jvp", "--shapes", "1", "--instances", "8", "--json", str(file)]) == 3
    out, err = capsys.readouterr()
    assert "1 of 2 identities passed" in out
    assert [record["identity"] for record in json.loads(file.read_text())] == ["exp_jvp"]
    assert err.startswith("exp_vjp: internal error of the oracle\nTraceback (most recent call last):")
    assert err.endswith("identities: the oracle gives no verdict on exp_vjp\n")


def test_a_reader_who_has_enough_is_no_error():
    command = f"{sys.executable} -m identities list --json | head -c 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[", "")


def test_work_is_shared_by_processes_that_python_starts(tmp_path):
    names = ["exp_vjp", "sin_vjp"]  # of two functions, and so for two processes
    command = [sys.executable, "-m", "identities", "verify", *names, "--shapes", "1", "--instances", "8"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 of 2 identities passed" in done.stdout


def test_show_says_of_a_layer_what_a_kernel_needs(capsys):
    assert main(["show", "layer_norm_vjp"]) == 0
    out = capsys.readouterr().out
    identity = catalog["layer_norm_vjp"]
    for equation in identity.equations:
        assert equation in out
    assert f"saves      {plain(identity.saves)}" in out
    found = re.search(r"formula +(\S+), line (\d+)", out)
    assert found
    lines = (Path(__file__).parents[1] / found[1]).read_text().splitlines()[int(found[2]) - 1 :]
    assert lines[:2] == ["@vjp(", "    layer_norm,"]


def test_list_finds_by_topic_name_and_source(capsys):
    assert main(["list", "layers", "layer_norm", "--json"]) == 0
    assert "layer_norm_vjp" in [record["name"] for record in json.loads(capsys.readouterr().out)]
    assert main(["list", "--source", "torch.nn.functional (one_hot)", "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert "integers" in record["without_derivative"]


def test_show_says_what_is_static_and_what_is_returned(capsys):
    assert main(["show", "power_jvp_X"]) == 0
    out = capsys.readouterr().out
    assert "X (n, n), dX (n, n)" in out
    assert "k, tried with 0, 1, 2, 3, 4" in out
    assert "returns    (n, n)" in out
