"""Rule documents that several tests use: the examples of the RFCs, whole."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from lxml import etree

RFC_4745_7_1_2 = b"""<?xml version="1.0" encoding="UTF-8"?>
<ruleset xmlns="urn:ietf:params:xml:ns:common-policy">
    <rule id="f3g44r1">
        <conditions>
            <identity>
                <one id="sip:alice@example.com"/>
                <one id="tel:+1-212-555-1234" />
                <one id="mailto:bob@example.net" />
            </identity>
        </conditions>
        <actions/>
        <transformations/>
    </rule>
</ruleset>
"""

RFC_4745_7_1_3_1 = b"""<?xml version="1.0" encoding="UTF-8"?>
<ruleset xmlns="urn:ietf:params:xml:ns:common-policy">
    <rule id="f3g44r5">
        <conditions>
            <identity>
              <many/>
            </identity>
        </conditions>
        <actions/>
        <transformations/>
    </rule>
</ruleset>
"""

RFC_4745_7_1_3_2 = b"""<?xml version="1.0" encoding="UTF-8"?>
<ruleset xmlns="urn:ietf:params:xml:ns:common-policy">
    <rule id="f3g44r1">
        <conditions>
            <sphere value="work"/>
            <identity>
                <many>
                    <except domain="example.com"/>
                    <except domain="example.org"/>
                    <except id="sip:alice@bad.example.net"/>
                    <except id="sip:bob@good.example.net"/>
                    <except id="tel:+1-212-555-1234" />
                    <except id="sip:alice@example.com"/>
                </many>
            </identity>
            <validity>
                <from>2003-12-24T17:00:00+01:00</from>
                <until>2003-12-24T19:00:00+01:00</until>
            </validity>
        </conditions>
        <actions/>
        <transformations/>
    </rule>
</ruleset>
"""

RFC_4745_7_1_3_3 = b"""<?xml version="1.0" encoding="UTF-8"?>
<ruleset xmlns="urn:ietf:params:xml:ns:common-policy">
    <rule id="f3g44r1">
        <conditions>
            <identity>
                <many domain="example.com">
                    <except id="sip:alice@example.com"/>
                    <except id="sip:bob@example.com"/>
                </many>
            </identity>
        </conditions>
        <actions/>
        <transformations/>
    </rule>
</ruleset>
"""

RFC_4745_7_3 = b"""<?xml version="1.0" encoding="UTF-8"?>
<ruleset xmlns="urn:ietf:params:xml:ns:common-policy">
  <rule id="f3g44r2">
    <conditions>
      <sphere value="work"/>
      <identity>
        <one id="sip:andrew@example.com"/>
      </identity>
    </conditions>
    <actions/>
    <transformations/>
  </rule>

  <rule id="y6y55r2">
    <conditions>
      <sphere value="home"/>
      <identity>
        <one id="sip:allison@example.com"/>
      </identity>
    </conditions>
    <actions/>
    <transformations/>
  </rule>
  <rule id="z6y55r2">
    <conditions>
      <identity>
           <one id="sip:john@doe.example.com"/>
      </identity>
      <sphere value="home work"/>
    </conditions>
    <actions/>
    <transformations/>
  </rule>
</ruleset>
"""

RFC_4745_7_4 = b"""<?xml version="1.0" encoding="UTF-8"?>
<ruleset xmlns="urn:ietf:params:xml:ns:common-policy">
  <rule id="f3g44r3">
    <conditions>
        <validity>
            <from>2003-08-15T10:20:00.000-05:00</from>
            <until>2003-09-15T10:20:00.000-05:00</until>
        </validity>
    </conditions>
    <actions/>
    <transformations/>
  </rule>
</ruleset>
"""

RFC_4745_12 = b"""<?xml version="1.0" encoding="UTF-8"?>
<ruleset xmlns="urn:ietf:params:xml:ns:common-policy">
    <rule id="f3g44r1">
        <conditions>
            <identity>
                <one id="sip:bob@example.com"/>
            </identity>
            <sphere value="work"/>
            <validity>
                <from>2003-12-24T17:00:00+01:00</from>
                <until>2003-12-24T19:00:00+01:00</until>
            </validity>
        </conditions>
        <actions/>
        <transformations/>
    </rule>
</ruleset>
"""

RFC_5025_6 = b"""<?xml version="1.0" encoding="UTF-8"?>
<cr:ruleset xmlns="urn:ietf:params:xml:ns:pres-rules"
 xmlns:pr="urn:ietf:params:xml:ns:pres-rules"
 xmlns:cr="urn:ietf:params:xml:ns:common-policy">
 <cr:rule id="a">
  <cr:conditions>
   <cr:identity>
    <cr:one id="sip:user@example.com"/>
   </cr:identity>
  </cr:conditions>
  <cr:actions>
   <pr:sub-handling>allow</pr:sub-handling>
  </cr:actions>
  <cr:transformations>
   <pr:provide-services>
     <pr:service-uri-scheme>sip</pr:service-uri-scheme>
     <pr:service-uri-scheme>mailto</pr:service-uri-scheme>
   </pr:provide-services>
   <pr:provide-persons>
     <pr:all-persons/>
   </pr:provide-persons>
   <pr:provide-activities>true</pr:provide-activities>
   <pr:provide-user-input>bare</pr:provide-user-input>
    <pr:provide-unknown-attribute
     ns="urn:vendor-specific:foo-namespace"
     name="foo">true</pr:provide-unknown-attribute>
  </cr:transformations>
 </cr:rule>
</cr:ruleset>
"""

EXAMPLES = {
    "RFC 4745 7.1.2": RFC_4745_7_1_2,
    "RFC 4745 7.1.3.1": RFC_4745_7_1_3_1,
    "RFC 4745 7.1.3.2": RFC_4745_7_1_3_2,
    "RFC 4745 7.1.3.3": RFC_4745_7_1_3_3,
    "RFC 4745 7.3": RFC_4745_7_3,
    "RFC 4745 7.4": RFC_4745_7_4,
    "RFC 4745 12": RFC_4745_12,
    "RFC 5025 6": RFC_5025_6,
}

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<cr:ruleset xmlns="urn:ietf:params:xml:ns:pres-rules" xmlns:pr="urn:ietf:params:xml:ns:pres-rules"
 xmlns:cr="urn:ietf:params:xml:ns:common-policy">
"""


def ruleset(*rules: str) -> bytes:
    """A document with these `cr:rule` elements; `pr:` and no prefix stand for presence rules."""
    return f"{_HEAD}{''.join(rules)}</cr:ruleset>".encode()


def rule(ident: str, *, conditions: str = "", actions: str = "", transformations: str = "") -> str:
    """A rule with what is not empty."""
    parts = {"conditions": conditions, "actions": actions, "transformations": transformations}
    inner = "".join(f"<cr:{name}>{text}</cr:{name}>" for name, text in parts.items() if text)
    return f'<cr:rule id="{ident}">{inner}</cr:rule>\n'


def one(*aors: str) -> str:
    """An identity condition."""
    inner = "".join(f'<cr:one id="{aor}"/>' for aor in aors)
    return f"<cr:identity>{inner}</cr:identity>"


def handling(value: str) -> str:
    return f"<pr:sub-handling>{value}</pr:sub-handling>"


_TOGETHER = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
<xs:import namespace="urn:ietf:params:xml:ns:common-policy" schemaLocation="common-policy.xsd"/>
<xs:import namespace="urn:ietf:params:xml:ns:pres-rules" schemaLocation="pres-rules.xsd"/>
</xs:schema>"""


@lru_cache(maxsize=1)
def _schema(shared: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring(_TOGETHER, base_url=str(shared / "schemas" / "together.xsd")))


def check(shared: Path, document: bytes) -> None:
    """It is what the schemas of RFC 4745 and RFC 5025 say."""
    schema = _schema(shared)
    assert schema.validate(etree.fromstring(document)), f"{schema.error_log}\n{document.decode()}"
