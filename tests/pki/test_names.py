import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.pki import der, names, san
from certwright.pki.errors import PKIError, SubjectError

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
LISTS = st.lists(TEXT, max_size=3)


def test_fields_come_in_a_fixed_order(spec):
    subject = spec(
        commonName="cn",
        subject={
            "serialNumber": "sn",
            "organizations": ["o"],
            "organizationalUnits": ["ou"],
            "countries": ["DE"],
            "localities": ["l"],
            "provinces": ["p"],
            "streetAddresses": ["s"],
            "postalCodes": ["1"],
        },
    )
    shown = names.subject_to_rfc4514(names.subject_der(subject))
    assert shown == "SERIALNUMBER=sn,CN=cn,OU=ou,O=o,POSTALCODE=1,STREET=s,L=l,ST=p,C=DE"


def test_several_values_share_one_rdn_sorted_by_der(spec):
    encoded = names.subject_der(spec(subject={"organizations": ["bb", "c", "a"]}))
    assert [[pair.value for pair in rdn] for rdn in names.read_rdns(encoded)] == [["a", "c", "bb"]]


@pytest.mark.parametrize(
    ("value", "tag"),
    [("Ab 0'()+,-./:=?", 0x13), ("", 0x13), ("a@b", 0x0C), ("a*", 0x0C), ("a&b", 0x0C), ("_", 0x0C)],
)
def test_values_are_printable_strings_where_possible(spec, value, tag):
    encoded = names.subject_der(spec(subject={"organizations": [value]}))
    assert encoded[-len(value) - 2] == tag


def test_an_empty_subject_is_an_empty_sequence(spec):
    assert names.subject_der(spec()) == b"\x30\x00"
    assert names.subject_der(spec(subject={})) == b"\x30\x00"


FIELDS = [
    "organizations",
    "organizationalUnits",
    "countries",
    "localities",
    "provinces",
    "streetAddresses",
    "postalCodes",
]


@given(
    fields=st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, LISTS) | {"serialNumber": TEXT}),
    common_name=TEXT,
)
def test_a_subject_is_read_back_as_it_was_asked_for(spec, fields, common_name):
    found = names.parse_subject(names.subject_der(spec(subject=fields, commonName=common_name)))
    assert found.common_name == common_name
    assert found.serial_number == fields.get("serialNumber", "")
    assert sorted(found.organizations) == sorted(fields.get("organizations", []))
    assert sorted(found.postal_codes) == sorted(fields.get("postalCodes", []))


def test_of_several_common_names_the_last_counts_in_facts_and_the_first_for_having_a_name(spec):
    literal = "CN=first in text,O=x,CN=last in text"
    assert names.common_name(names.subject_der(spec(literalSubject=literal))) == "first in text"
    assert names.first_common_name(names.parse_literal_subject(literal)) == "last in text"


@pytest.mark.parametrize(
    ("tag", "content", "text"),
    [
        (0x0C, "é".encode(), "é"),
        (0x13, b"a*&b", "a*&b"),
        (0x14, b"\xe9", "é"),
        (0x16, b"a@b", "a@b"),
        (0x12, b"12 3", "12 3"),
        (0x1E, "aé".encode("utf-16-be"), "aé"),
        (0x1E, b"\0a\0\0", "a"),
    ],
)
def test_all_string_types_of_certificates_in_the_wild_are_read(tag, content, text):
    name = der.sequence(der.set_of([der.sequence(der.oid("2.5.4.3"), der.tlv(tag, content))]))
    assert names.common_name(name) == text


@pytest.mark.parametrize(
    ("tag", "content"),
    [
        (0x0C, b"\xff"),
        (0x13, b"a@b"),
        (0x16, b"\xe9"),
        (0x12, b"a"),
        (0x1E, b"a"),
        (0x1E, b"\xd8\0"),
        (0x02, b"1"),
    ],
)
def test_malformed_strings_are_refused(tag, content):
    name = der.sequence(der.set_of([der.sequence(der.oid("2.5.4.3"), der.tlv(tag, content))]))
    with pytest.raises(SubjectError):
        names.common_name(name)


def test_alternative_names_come_by_kind_and_then_as_given(spec):
    wanted = spec(
        uris=["urn:b", "urn:a"],
        emailAddresses=["b@x", "a@x"],
        ipAddresses=["fd00::1", "10.0.0.1", "::ffff:10.0.0.2"],
        dnsNames=["b", "a", "b"],
        otherNames=[{"oid": "1.2.3", "utf8Value": "é"}],
    )
    value = names.san_extension(wanted)
    kinds = []
    fields = der.top(value)
    while fields:
        kinds.append(fields.any()[0])
    assert kinds == [0x82] * 3 + [0x81] * 2 + [0x87] * 3 + [0x86] * 2 + [0xA0]
    found = san.decode(value)
    assert found.dns == ("b", "a", "b")
    assert found.emails == ("b@x", "a@x")
    assert list(map(san.ip_text, found.ips)) == ["fd00::1", "10.0.0.1", "10.0.0.2"]
    assert found.uris == ("urn:b", "urn:a")
    assert found.others == (san.OtherName("1.2.3", "é"),)


def test_without_names_there_is_no_extension(spec):
    assert names.san_extension(spec(commonName="x", otherNames=[])) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"dnsNames": ["ü.example"]},
        {"emailAddresses": ["ü@example"]},
        {"uris": ["urn:ü"]},
        {"ipAddresses": ["10.0.0"]},
        {"ipAddresses": ["010.0.0.1"]},
        {"ipAddresses": ["fe80::1%eth0"]},
        {"otherNames": [{"oid": "x", "utf8Value": "a"}]},
        {"otherNames": [{"oid": "1.2.3", "utf8Value": ""}]},
    ],
)
def test_names_that_cannot_be_encoded_are_refused(spec, fields):
    with pytest.raises(SubjectError):
        names.san_extension(spec(**fields))


@given(st.binary(max_size=80))
def test_garbage_is_refused_by_name(garbage):
    for read in (names.common_name, names.subject_to_rfc4514):
        try:
            read(garbage)
        except PKIError:
            continue


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a b", "a b"),
        (" a ", "\\ a\\ "),
        ("#a", "\\#a"),
        ("a,b+c", "a\\,b\\+c"),
        ("\t", "\\09"),
        (" ", "\\ "),
    ],
)
def test_special_characters_are_escaped_when_shown(spec, value, shown):
    encoded = names.subject_der(spec(commonName=value))
    assert names.subject_to_rfc4514(encoded) == f"CN={shown}"
    assert names.subject_der(spec(literalSubject=f"CN={shown}")) == encoded
