"""Names in the inventory that do not say whose CA's: read, written, exported, and told of once it matters."""

from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import ClientError

from gatehouse.stack.target import Target
from tests import aws_environment, pki
from tests.unit.gatehouse.commands import answer, run
from tests.unit.gatehouse.test_denials_last import stands
from workflows.admission import inventory_file

NOW = datetime.now(UTC)


def csv(tmp_path: Path, text: str) -> str:
    file = tmp_path / "names.csv"
    file.write_text(text)
    return str(file)


def test_names_without_an_issuer_are_told_of_once_there_are_two_cas(target: Target, tmp_path: Path) -> None:
    file = csv(tmp_path, f"device,name,issuer_key\npump-1,pump one,\npump-2,pump two,{'EF' * 32}\n")
    first = pki.authority("First", not_before=NOW - pki.DAY, not_after=NOW + pki.YEAR)
    aws_environment.register_ca(first)
    assert answer("inventory", "import", file)["names_without_issuer"] == 0
    assert stands(target, f"issuer-name#{'ef' * 32}#pump two")["device"] == "pump-2"
    aws_environment.register_ca(pki.authority("Second", not_before=NOW - pki.DAY, not_after=NOW + pki.YEAR))
    told = run("inventory", "import", file)
    assert "1 of them have a name without issuer_key" in told.stderr
    exported = run("inventory", "export").stdout
    parsed = inventory_file.parse(exported.encode(), profiles=("device",), entered_by="x", at=NOW)
    assert {record.lookup_key for record in parsed.records} == {"name#pump one", f"issuer-name#{'ef' * 32}#pump two"}


def test_a_name_alone_is_told_of_where_nobody_may_list_cas(target: Target, tmp_path: Path) -> None:
    file = csv(tmp_path, "device,name\npump-1,pump one\n")

    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "ListCACertificates")

    target.client("iot").list_ca_certificates = refuse
    assert answer("inventory", "import", file)["names_without_issuer"] == 1
