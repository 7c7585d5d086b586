import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.pki import names
from certwright.pki.errors import SubjectError
from certwright.pki.rfc4514 import parse_literal_subject

# What cert-manager's Go libraries make of these texts.
ENCODED = {
    "CN=foo,OU=bar,O=baz": (
        "302a310c300a060355040a130362617a310c300a060355040b1303626172310c300a06035504031303666f6f"
    ),
    "CN = foo ; O= a b ": "301c310c300a060355040a1303612062310c300a06035504031303666f6f",
    "O=a+OU=b,CN=c": "3022310a3008060355040313016331143008060355040a1301613008060355040b130162",
    "CN=a\\,b": "300e310c300a06035504031303612c62",
    "CN=\\20a\\ ": "300e310c300a06035504031303206120",
    "CN=a*": "300d310b300906035504030c02612a",
    "CN=a@b": "300e310c300a06035504030c03614062",
    "CN=é": "300d310b300906035504030c02c3a9",
    "CN=\\c3\\a9": "300d310b300906035504030c02c3a9",
    "CN=#0c0161": "300c310a30080603550403130161",
    "CN=#1e0400610062": "300f310d300b06035504030c0400610062",
    "1.2.3.4=x,UID=u,DC=d": (
        "30323111300f060a0992268993f22c6401191301643111300f060a0992268993f22c640101130175"
        "310a300806032a0304130178"
    ),
    "": "3000",
    "  ": "3000",
    "CN=": "300b3109300706035504031300",
    "CN=a=b": "300e310c300a06035504031303613d62",
    "SERIALNUMBER=7,STREET=s t,L=l,ST=st,C=DE": (
        "3040310b3009060355040613024445310b3009060355040813027374310a3008060355040713016c"
        "310c300a06035504091303732074310a30080603550405130137"
    ),
    "CN=\\#a": "300d310b300906035504030c022361",
    "CN=a\\\\ ,O=b": "3019310a3008060355040a130162310b300906035504030c02615c",
}

REFUSED = [
    "cn=foo",
    "FOO=bar",
    "OID.1.2=x",
    "CN=foo,",
    "CN",
    "=x",
    "+",
    'CN=a"b',
    "CN=a<b",
    "CN=a>b",
    "CN=a,UNKNOWN=b",
    "CN=a\0b",
    "CN=a\\",
    "CN=a\\zz",
    "CN=\\ff",
    "CN=#zz",
    "CN=#0c01",
    "CN=#0c016100",
    "CN=#ff0161",
    "CN=#0c01ff",
    "CN=\ud800",
]


@pytest.mark.parametrize("text", ENCODED)
def test_a_literal_subject_has_the_bytes_it_always_had(text):
    assert names.encode_rdns(parse_literal_subject(text)).hex() == ENCODED[text]


@pytest.mark.parametrize("text", REFUSED)
def test_a_malformed_literal_subject_is_refused(text):
    with pytest.raises(SubjectError):
        names.encode_rdns(parse_literal_subject(text))


@given(st.text())
def test_any_text_is_either_encoded_or_refused_by_name(text):
    try:
        encoded = names.encode_rdns(parse_literal_subject(text))
    except SubjectError:
        return
    assert names.read_rdns(encoded) is not None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["CN", "O", "OU", "C", "DC", "UID", "L", "ST", "STREET", "SERIALNUMBER"]),
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1),
        ),
        min_size=1,
    )
)
def test_a_subject_shown_as_text_is_read_back_the_same(pairs):
    rdns = [[names.Attribute(parse_literal_subject(f"{key}=x")[0][0].oid, value)] for key, value in pairs]
    encoded = names.encode_rdns(rdns)
    assert names.encode_rdns(parse_literal_subject(names.subject_to_rfc4514(encoded))) == encoded
