"""Judges backups with programs that share nothing with Rollcall: boto3, pyrage, zstandard, and Python's tarfile and sqlite3."""

import io
import json
import sqlite3
import sys
import tarfile

import boto3
import pyrage
import zstandard

work, endpoint, deed = sys.argv[1:4]
store = boto3.client("s3", endpoint_url=endpoint, region_name="eu-central-1", aws_access_key_id="key", aws_secret_access_key="secret")


def objects():
    return store.list_objects_v2(Bucket="school").get("Contents", [])


if deed == "bucket":
    store.create_bucket(Bucket="school", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
elif deed == "empty":
    assert objects() == [], objects()
elif deed == "opens":
    found = objects()
    assert len(found) == 1, f"retention keeps one of the day: {[item['Key'] for item in found]}"
    listed = json.load(open(f"{work}/list.json"))["items"]
    assert len(listed) == 1 and listed[0]["test_problem"] is None, listed
    assert found[0]["Key"] == "rollcall/" + listed[0]["name"] and found[0]["Size"] == listed[0]["size_bytes"]
    assert found[0]["ETag"].strip('"').endswith("-3"), f"40 MB come in three parts: {found[0]['ETag']}"
    assert store.list_multipart_uploads(Bucket="school").get("Uploads", []) == []
    sealed = store.get_object(Bucket="school", Key=found[0]["Key"])["Body"].read()
    key = json.load(open(f"{work}/key.json"))["recovery_key"]
    plain = pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(key)])
    try:
        pyrage.decrypt(sealed, [pyrage.x25519.Identity.generate()])
        raise SystemExit("any key opens it")
    except pyrage.DecryptError:
        pass
    archive = tarfile.open(fileobj=io.BytesIO(zstandard.ZstdDecompressor().stream_reader(plain).read()))
    names = archive.getnames()
    assert names[0] == "rollcall-backup.json" and {"seal.key", "rollcall.db"} <= set(names), names
    assert sum(name.startswith("packages/") for name in names) == 1, names
    manifest = json.load(archive.extractfile("rollcall-backup.json"))
    archive.extract("rollcall.db", work, filter="data")
    database = sqlite3.connect(f"{work}/rollcall.db")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert database.execute("SELECT name FROM admins").fetchall() == [("kim",)]
    assert manifest["format"] == 1 and manifest["database_bytes"] == archive.getmember("rollcall.db").size, manifest
else:
    raise SystemExit(f"no such deed: {deed}")
