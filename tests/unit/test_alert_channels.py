"""Addresses of alerts: read as Apprise writes them, named without showing them, refused without showing them."""

import pytest
from pydantic import SecretStr

from kenpo_pipelines.automation.alerting.channels import ChannelError, channels

PASSWORD = "himitsu-no-kotoba"
MAIL = f"mailto://kenpo:{PASSWORD}@mail.example.jp?to=engineer@example.jp"
HOOK = f"json://kenpo:{PASSWORD}@hooks.example.jp/alerts"


def read(text: str) -> list[tuple[str, set[str]]]:
    return [(one.name.partition("-")[0], set(one.tags)) for one in channels(SecretStr(text))]


def test_no_address_is_no_channel() -> None:
    assert channels(None) == ()
    assert channels(SecretStr("\n# mailto://later\n")) == ()


@pytest.mark.parametrize("separator", ["\n", " ", "\n\n  # a comment = json://x\n"])
def test_entries_have_tags_or_none_and_stand_on_lines_or_between_spaces(separator: str) -> None:
    assert read(f"critical,warning={MAIL}{separator}{HOOK}") == [("mailto", {"critical", "warning"}), ("json", set())]


def test_an_address_that_is_named_twice_is_one_channel_with_all_its_tags() -> None:
    assert read(f"critical={HOOK}\nsubmissions={HOOK}") == [("json", {"critical", "submissions"})]
    assert read(f"critical={HOOK}\n{HOOK}") == [("json", set())]


def test_names_are_stable_and_tell_addresses_apart_without_showing_them() -> None:
    one, other = channels(SecretStr(f"{HOOK}\n{HOOK}/second"))
    assert one.name != other.name
    assert channels(SecretStr(f"critical={HOOK}"))[0].name == one.name
    assert PASSWORD not in repr((one, other)) and "hooks.example.jp" not in repr((one, other))


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        (f"nothing:{PASSWORD}@here", "no scheme"),
        (f"critical={PASSWORD}", "no scheme"),
        (f"unknown://kenpo:{PASSWORD}@here", "unknown://…"),
        (f"critical=mailto://{PASSWORD}:@", "mailto://…"),
        (f"bad tag!=json://{PASSWORD}", "no scheme"),
        (f"={HOOK}", "no scheme"),
    ],
)
def test_a_wrong_entry_is_refused_by_its_place_and_scheme_only(entry: str, shown: str) -> None:
    with pytest.raises(ChannelError, match=r"entry \d \(") as refused:
        channels(SecretStr(f"{HOOK}\n{entry}"))
    assert f"({shown})" in str(refused.value)
    assert PASSWORD not in str(refused.value)
    assert "hooks.example.jp" not in str(refused.value)


@pytest.mark.parametrize(
    ("tags", "severity", "routes", "takes"),
    [
        ("", "info", (), True),
        ("critical=", "critical", (), True),
        ("critical=", "warning", (), False),
        ("submissions=", "warning", ("submissions",), True),
        ("submissions=", "critical", (), False),
        ("critical,submissions=", "info", ("planning",), False),
    ],
)
def test_a_channel_takes_its_severities_and_routes_and_one_without_tags_everything(
    tags: str, severity: str, routes: tuple[str, ...], takes: bool
) -> None:
    (channel,) = channels(SecretStr(f"{tags}{HOOK}"))
    assert channel.takes(severity, routes) is takes
