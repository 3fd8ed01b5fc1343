"""Judges the list of parts: by the schema of CycloneDX, and by what must stand in it."""

import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

text = open(sys.argv[1]).read()
fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
assert fault is None, fault
broken = json.dumps(json.loads(text) | {"components": [{"name": "x"}]})
assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(broken) is not None, "the judge takes everything"

document = json.loads(text)
parts = {part["name"]: part for part in document["components"]}
for name in ("SQLite", "AWS-LC", "zstd", "rustls", "hyper", "rusqlite"):
    assert name in parts, f"{name} is not in the list"
for name in ("divan", "proptest", "tempfile", "ring", "openssl"):
    assert name not in parts, f"{name} is in the list, and not in the program"
for part in document["components"]:
    assert part.get("licenses"), f"{part['name']} has no licence"
    assert "purl" not in part or part.get("hashes"), f"{part['name']} has no checksum"
references = {part["bom-ref"] for part in document["components"]} | {document["metadata"]["component"]["bom-ref"]}
needed = {other for entry in document["dependencies"] for other in entry["dependsOn"]}
assert {entry["ref"] for entry in document["dependencies"]} == references and needed <= references, "dependencies name what is not there"
print(f"parts: {len(document['components'])}")
