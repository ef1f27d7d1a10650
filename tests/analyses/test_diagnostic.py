import pytest

from analyses.diagnostic import choose, discover, roles, source_file
from workbench.errors import WorkbenchError


def test_every_module_with_a_diagnostic_is_found_in_the_order_of_the_report():
    found = discover()
    assert list(found) == [
        "attention_worth",
        "max_attention_removal",
        "attention_maps",
        "gradient_agreement",
        "calibration_variants",
    ]
    for name, diagnostic in found.items():
        assert f"diagnostics/{name}" in source_file(diagnostic).as_posix()


def test_choosing_keeps_the_order_of_the_report_and_names_the_known_ones():
    known = discover()
    chosen = choose(known, ["gradient_agreement", "attention_worth"])
    assert [d.name for d in chosen] == ["attention_worth", "gradient_agreement"]
    assert choose(known, []) == list(known.values())
    with pytest.raises(WorkbenchError, match="'nonsense'; known are attention_worth, max_att"):
        choose(known, ["attention_worth", "nonsense"])


def test_parts_are_told_by_name():
    names = ["AC-SASRec", "SASRec-uniform", "SASRec", "AC-SASRec-light"]
    assert roles(names) == ("SASRec", "SASRec-uniform", ["AC-SASRec", "AC-SASRec-light"])
    assert roles(["AC-SASRec"]) == (None, None, ["AC-SASRec"])
