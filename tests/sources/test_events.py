"""Events as AWS and Azure publish them: what each names, and what cannot be read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lakehouse.sources.events import Event, read_events

S3_PUT = {
    "Records": [
        {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": "us-west-2",
            "eventTime": "1970-01-01T00:00:00.000Z",
            "eventName": "ObjectCreated:Put",
            "userIdentity": {"principalId": "AIDAJDPLRKLG7UEXAMPLE"},
            "requestParameters": {"sourceIPAddress": "172.16.0.1"},
            "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5"},
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "testConfigRule",
                "bucket": {
                    "name": "amzn-s3-demo-bucket",
                    "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                    "arn": "arn:aws:s3:::amzn-s3-demo-bucket",
                },
                "object": {
                    "key": "in/red+flower%28%C3%A9%29.csv",
                    "size": 1024,
                    "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                    "versionId": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
                    "sequencer": "0055AED6DCD90281E5",
                },
            },
        }
    ]
}  # fmt: skip
S3_TEST = {
    "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2014-10-13T15:57:02.089Z", "Bucket": "amzn-s3-demo-bucket",
    "RequestId": "5582815E1AEA5ADF", "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
}  # fmt: skip
SNS = {
    "Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    "TopicArn": "arn:aws:sns:us-west-2:123456789012:MyTopic", "Subject": "Amazon S3 Notification",
    "Message": json.dumps(S3_PUT), "Timestamp": "2012-05-02T00:54:06.655Z", "SignatureVersion": "1",
}  # fmt: skip
EVENT_BRIDGE = {
    "version": "0",
    "id": "17793124-05d4-b198-2fde-7ededc63b103",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "account": "111122223333",
    "time": "2021-11-12T00:00:00Z",
    "region": "ca-central-1",
    "resources": ["arn:aws:s3:::amzn-s3-demo-bucket1"],
    "detail": {
        "version": "0",
        "bucket": {"name": "amzn-s3-demo-bucket1"},
        "object": {"key": "example+key%20", "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184", "sequencer": "617f08299329d189"},
        "request-id": "N4N7GDK58NMKJ12R",
        "requester": "123456789012",
        "source-ip-address": "1.2.3.4",
        "reason": "PutObject",
    },
}  # fmt: skip


def grid(kind: str, **data: Any) -> dict[str, Any]:
    return {
        "topic": "/subscriptions/id/resourceGroups/Storage/providers/Microsoft.Storage/storageAccounts/my-storage-account",
        "subject": "/blobServices/default/containers/test-container/blobs/new-file.txt",
        "eventType": f"Microsoft.Storage.{kind}",
        "eventTime": "2017-06-26T18:41:00.9584103Z",
        "id": "831e1650-001e-001b-66ab-eeb76e069631",
        "data": {
            "api": "PutBlockList", "clientRequestId": "6d79dbfb-0e37-4fc4-981f-442c9ca65760", "eTag": "0x8D4BCC2E4835CD0",
            "contentType": "text/plain", "contentLength": 524288, "blobType": "BlockBlob", **data,
        },
        "dataVersion": "",
        "metadataVersion": "1",
    }  # fmt: skip


CLOUD = {
    "source": "/subscriptions/id/resourceGroups/Storage/providers/Microsoft.Storage/storageAccounts/my-storage-account",
    "subject": "/blobServices/default/containers/my-file-system/blobs/new-file.txt",
    "type": "Microsoft.Storage.BlobCreated",
    "time": "2017-06-26T18:41:00.9584103Z",
    "id": "831e1650-001e-001b-66ab-eeb76e069631",
    "data": {"api": "FlushWithClose", "url": "https://my-storage-account.dfs.core.windows.net/my-file-system/d/new-file.txt"},
    "specversion": "1.0",
}  # fmt: skip
BLOB = "https://my-storage-account.blob.core.windows.net/test-container/new-file.txt"
ABFSS = "abfss://test-container@my-storage-account.dfs.core.windows.net/new-file.txt"


def paths(*values: object) -> list[tuple[str, ...]]:
    events, unreadable = read_events("\n".join(json.dumps(value) for value in values))
    assert unreadable == ""
    return [event.paths for event in events]


def s3(name: str, **keys: Any) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(json.dumps(S3_PUT["Records"][0]))
    record["s3"]["object"] |= keys
    return {"Records": [record | {"eventName": name}]}


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (S3_PUT, "s3://amzn-s3-demo-bucket/in/red flower(é).csv"),
        (s3("s3:ObjectCreated:CompleteMultipartUpload", key="a"), "s3://amzn-s3-demo-bucket/a"),
        (SNS, "s3://amzn-s3-demo-bucket/in/red flower(é).csv"),
        (EVENT_BRIDGE, "s3://amzn-s3-demo-bucket1/example+key%20"),
        (grid("BlobCreated", url=BLOB), ABFSS),
        (grid("BlobRenamed", sourceUrl=BLOB + ".tmp", destinationUrl=BLOB), ABFSS),
        (CLOUD, "abfss://my-file-system@my-storage-account.dfs.core.windows.net/d/new-file.txt"),
        (grid("BlobCreated", url="file:///landing/a%20b.csv"), "/landing/a b.csv"),
        (grid("BlobCreated", url="/landing/a%20b.csv"), "/landing/a%20b.csv"),
        (grid("BlobCreated", url="gs://bucket/a b"), "gs://bucket/a b"),
    ],
)
def test_events_name_files(value: object, wanted: str) -> None:
    assert paths(value) == [(wanted,)]


def test_a_url_that_may_be_encoded_or_not_names_both() -> None:
    (found,) = paths(grid("BlobCreated", url=BLOB.replace("new", "a%20b")))
    assert found == (ABFSS.replace("new", "a b"), ABFSS.replace("new", "a%20b"))


def test_a_folder_that_was_renamed_names_itself() -> None:
    events, _ = read_events(json.dumps(grid("DirectoryRenamed", sourceUrl="x", destinationUrl=BLOB)))
    assert events == [Event((ABFSS,), folder=True)]


@pytest.mark.parametrize(
    "value",
    [
        S3_TEST,
        {"Records": []},
        [],
        s3("ObjectRemoved:Delete"),
        s3("s3:ObjectTagging:Put"),
        s3("LifecycleExpiration:Delete"),
        {**SNS, "Message": json.dumps(S3_TEST)},
        {**EVENT_BRIDGE, "detail-type": "Object Deleted"},
        grid("BlobDeleted", url=BLOB),
        grid("BlobTierChanged", url=BLOB),
        grid("DirectoryCreated", url=BLOB),
        {**CLOUD, "type": "Microsoft.Storage.BlobDeleted"},
        grid("BlobCreated", api="CreateFile", contentLength=0, url=BLOB),
        {**grid("x"), "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent"},
    ],
)
def test_what_names_no_new_file_is_read_and_counts_for_nothing(value: object) -> None:
    assert paths(value) == []


def test_events_come_alone_in_lists_one_per_line_and_one_behind_the_other() -> None:
    many = [s3("ObjectCreated:Put", key=str(n)) for n in range(3)]
    wanted = [(f"s3://amzn-s3-demo-bucket/{n}",) for n in range(3)]
    texts = [
        json.dumps(many),
        json.dumps(many, indent=2),
        *(end.join(map(json.dumps, many)) for end in ("\n", "", "\r\n")),
    ]
    for text in texts:
        events, unreadable = read_events(f" {text}\n")
        assert ([e.paths for e in events], unreadable) == (wanted, "")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("{", "it is not JSON"),
        ("x", "it is not JSON"),
        ("1", "it is no event of S3 or Event Grid"),
        ("{}", "it is no event of S3 or Event Grid"),
        ('{"Records": [{}]}', "it is no event of S3 or Event Grid"),
        (json.dumps(s3("ObjectCreated:Put", key="")), "it has no `object.key`"),
        (json.dumps(s3("ObjectCreated:Put", key=7)), "it has no `object.key`"),
        (json.dumps(s3("ObjectCreated:Put", key="%ff")), "utf-8"),
        (json.dumps(s3("ObjectCreated:Put", key="%00")), "no path"),
        (json.dumps({**EVENT_BRIDGE, "detail": {"bucket": "b"}}), "it has no `bucket.name`"),
        (json.dumps({**EVENT_BRIDGE, "source": "aws.ec2"}), "it is no event of S3"),
        (json.dumps({**SNS, "Message": "hello"}), "it is not JSON"),
        (json.dumps(grid("BlobCreated")), "it has no `url`"),
        (json.dumps(grid("BlobCreated", url="a.csv")), "it names 'a.csv', which is no URL"),
        (json.dumps({**grid("x"), "eventType": "Microsoft.KeyVault.SecretNearExpiry"}), "another kind, Microsoft.KeyVault"),
        (json.dumps(grid("BlobCreated", url="/a\ud800")), "surrogates"),
        ("[" * 100_000, "nested too deep"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_and_what_stands_before_it_counts(text: str, why: str) -> None:
    assert why in read_events(text)[1]
    if text.strip():
        events, unreadable = read_events(json.dumps(S3_PUT) + "\n" + text)
        assert (len(events), why in unreadable) == (1, True)


def test_an_event_that_cannot_be_read_hides_none_behind_it() -> None:
    broken = [{"Records": [{}, *S3_PUT["Records"]]}, [7, EVENT_BRIDGE], {**SNS, "Message": "{"}, CLOUD]
    events, unreadable = read_events("\n".join(map(json.dumps, broken)))
    assert (len(events), unreadable) == (3, "it is no event of S3 or Event Grid")
