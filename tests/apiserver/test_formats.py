import pytest

from certwright.apiserver.formats import supported

GOOD = {
    "byte": ["aGk=", "YWJj"],
    "date": ["2026-02-28", "2024-02-29"],
    "date-time": ["2026-11-21T01:48:27Z", "2026-11-21t01:48:27.123+01:00"],
    "datetime": ["2026-11-21T01:48:27Z"],
    "duration": ["2160h0m0s", "0", "-1.5h", "5 days", "22 ns"],
    "ipv4": ["1.2.3.4", "01.2.3.4"],
    "ipv6": ["::1", "2001:db8::1"],
    "cidr": ["1.2.3.0/24", "::/0"],
    "mac": ["01:23:45:67:89:ab", "01-23-45-67-89-ab-cd-ef", "0123.4567.89ab"],
    "uuid": ["d66618f0-aa23-4490-9c8d-d7052f57ad5c", "D66618F0AA2344909C8DD7052F57AD5C"],
    "uuid4": ["d66618f0-aa23-4490-9c8d-d7052f57ad5c"],
    "hostname": ["a.example", "localhost"],
    "uri": ["https://x.example/a?b=c", "/path", "urn:a:b"],
    "email": ["a@b.example", "A <a@b.example>"],
    "isbn": ["0321751043", "978-0321751041"],
    "creditcard": ["4111 1111 1111 1111"],
    "ssn": ["123-45-6789"],
    "hexcolor": ["#FFFFFF", "abc"],
    "rgbcolor": ["rgb(255, 0, 10)"],
    "bsonobjectid": ["507f1f77bcf86cd799439011"],
    "password": [""],
    "k8s-short-name": ["a-1"],
    "k8s-long-name": ["a.b-1"],
}
BAD = {
    "byte": ["", "%%%", "aGk", "a GVsbG8="],
    "date": ["2026-02-30", "26-02-01"],
    "date-time": ["2026-11-21", "2026-11-21T24:00:00Z", "2026-11-21T01:48:27"],
    "duration": ["", "h", "5 parsecs"],
    "ipv4": ["1.2.3", "::1"],
    "ipv6": ["1.2.3.4", "fe80::1%eth0"],
    "cidr": ["1.2.3.4", "1.2.3.4/33"],
    "mac": ["01:23:45:67:89", "01:23-45:67:89:ab"],
    "uuid": ["d66618f0"],
    "uuid4": ["d66618f0-aa23-1490-9c8d-d7052f57ad5c"],
    "hostname": ["a..b", "-a", "x" * 64],
    "uri": ["", "no scheme", "http://a b/", "http://x/%zz"],
    "email": ["a", "@b"],
    "isbn": ["0321751044"],
    "creditcard": ["4111 1111 1111 1112"],
    "ssn": ["123456789"],
    "hexcolor": ["#FF"],
    "rgbcolor": ["rgb(256,0,0)"],
    "bsonobjectid": ["507f"],
    "k8s-short-name": ["-a", "a" * 64, "A"],
    "k8s-long-name": ["a." * 127 + "a"],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in GOOD.items() for text in texts])
def test_a_good_text_has_the_format(name, text):
    assert supported(name)(text)


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BAD.items() for text in texts])
def test_a_bad_text_has_not(name, text):
    assert not supported(name)(text)


def test_a_format_nobody_knows_means_nothing():
    assert supported("int32") is None
    assert supported("frobnicated") is None
