"""Partial presence documents as RFC 5262 §6, RFC 5263 §5 and RFC 5264 §6 print them."""

from __future__ import annotations

from lxml import etree

from presence.documents.pidf_diff import apply_diff, apply_published_patch, make_diff, pidf_full
from tests.presence.documents.partial import canonical

# RFC 5262 §6, RFC 5263 §5 and RFC 5264 §6, as printed.
FULL_567 = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<p:pidf-full xmlns="urn:ietf:params:xml:ns:pidf"
       xmlns:p="urn:ietf:params:xml:ns:pidf-diff"
       xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"
       xmlns:ci="urn:ietf:params:xml:ns:pidf:cipid"
       xmlns:c="urn:ietf:params:xml:ns:pidf:caps"
       xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
       entity="pres:someone@example.com"
       version="567">
 <tuple id="sg89ae">
  <status>
   <basic>open</basic>
  </status>
  <c:servcaps>
   <c:audio>true</c:audio>
   <c:message>true</c:message>
   <c:video>false</c:video>
  </c:servcaps>
  <contact priority="0.8">tel:09012345678</contact>
 </tuple>
 <tuple id="cg231jcr">
  <status>
   <basic>open</basic>
  </status>
  <contact priority="1.0">im:pep@example.com</contact>
 </tuple>
 <tuple id="r1230d">
  <status>
   <basic>closed</basic>
  </status>
  <ci:homepage>http://example.com/~pep/</ci:homepage>
  <ci:icon>http://example.com/~pep/icon.gif</ci:icon>
  <ci:card>http://example.com/~pep/card.vcd</ci:card>
  <contact priority="0.9">sip:pep@example.com</contact>
 </tuple>
 <note xml:lang="en">Full state presence document</note>
 <dm:person id="p123">
  <r:activities>
   <r:on-the-phone/>
   <r:busy/>
  </r:activities>
 </dm:person>
 <dm:device id="u600b40c7">
  <c:devcaps>
   <c:mobility>
    <c:supported>
     <c:mobile/>
    </c:supported>
   </c:mobility>
  </c:devcaps>
  <dm:deviceID>urn:esn:600b40c7</dm:deviceID>
 </dm:device>
</p:pidf-full>
"""
DIFF_568 = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<p:pidf-diff
     xmlns="urn:ietf:params:xml:ns:pidf"
     xmlns:p="urn:ietf:params:xml:ns:pidf-diff"
     xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"
     xmlns:d="urn:ietf:params:xml:ns:pidf:data-model"
     entity="pres:someone@example.com"
     version="568">
<p:add sel="presence/note" pos="before">
 <tuple id="ert4773">
  <status>
   <basic>open</basic>
  </status>
  <contact priority="0.4">mailto:pep@example.com</contact>
  <note xml:lang="en">This is a new tuple inserted
       between the last tuple and person element</note>
 </tuple>
</p:add>
<p:replace sel="*/tuple[@id='r1230d']/status/basic/text()"
   >open</p:replace>
<p:remove sel="*/d:person/r:activities/r:busy" ws="after"/>
<p:replace sel="*/tuple[@id='cg231jcr']/contact/@priority"
   >0.7</p:replace>
</p:pidf-diff>
"""
FULL_568 = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<p:pidf-full xmlns="urn:ietf:params:xml:ns:pidf"
       xmlns:p="urn:ietf:params:xml:ns:pidf-diff"
       xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"
       xmlns:ci="urn:ietf:params:xml:ns:pidf:cipid"
       xmlns:c="urn:ietf:params:xml:ns:pidf:caps"
       xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
       entity="pres:someone@example.com"
       version="568">
 <tuple id="sg89ae">
  <status>
   <basic>open</basic>
  </status>
  <c:servcaps>
   <c:audio>true</c:audio>
   <c:message>true</c:message>
   <c:video>false</c:video>
  </c:servcaps>
  <contact priority="0.8">tel:09012345678</contact>
 </tuple>
 <tuple id="cg231jcr">
  <status>
   <basic>open</basic>
  </status>
  <contact priority="0.7">im:pep@example.com</contact>
 </tuple>
 <tuple id="r1230d">
  <status>
   <basic>open</basic>
  </status>
  <ci:homepage>http://example.com/~pep/</ci:homepage>
  <ci:icon>http://example.com/~pep/icon.gif</ci:icon>
  <ci:card>http://example.com/~pep/card.vcd</ci:card>
  <contact priority="0.9">sip:pep@example.com</contact>
 </tuple>
 <tuple id="ert4773">
  <status>
   <basic>open</basic>
  </status>
  <contact priority="0.4">mailto:pep@example.com</contact>
  <note xml:lang="en">This is a new tuple inserted
      between the last tuple and note element</note>
 </tuple>
 <note xml:lang="en">Full state presence document</note>
 <dm:person id="p123">
  <r:activities>
   <r:on-the-phone/>
  </r:activities>
 </dm:person>
 <dm:device id="u600b40c7">
  <c:devcaps>
   <c:mobility>
    <c:supported>
     <c:mobile/>
    </c:supported>
   </c:mobility>
  </c:devcaps>
  <dm:deviceID>urn:esn:600b40c7</dm:deviceID>
 </dm:device>
</p:pidf-full>
"""
NOTIFY_1 = b"""\
<?xml version="1.0" encoding="UTF-8"?>
   <p:pidf-full xmlns="urn:ietf:params:xml:ns:pidf"
          xmlns:p="urn:ietf:params:xml:ns:pidf-diff"
          xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"
          xmlns:c="urn:ietf:params:xml:ns:pidf:caps"
          xmlns:cp="urn:ietf:params:xml:ns:pidf:cipid"
          xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
          entity="sip:resource@example.com"
          version="1">
    <tuple id="sg89ae">
     <status>
      <basic>open</basic>
     </status>
     <c:servcaps>
      <c:audio>true</c:audio>
      <c:video>false</c:video>
      <c:message>true</c:message>
     </c:servcaps>
      <r:relationship><r:assistant/></r:relationship>
     <contact priority="0.8">tel:09012345678</contact>
    </tuple>
    <tuple id="cg231jcr">
     <status>
      <basic>open</basic>
     </status>
     <contact priority="1.0">im:res@example.com</contact>
    </tuple>
    <tuple id="r1230d">
     <status>
      <basic>closed</basic>
     </status>
     <cp:homepage>http://example.com/~res/</cp:homepage>
     <cp:icon>http://example.com/~res/icon.gif</cp:icon>
     <cp:card>http://example.com/~res/card.vcd</cp:card>
     <contact priority="0.9">sip:resource@example.com</contact>
    </tuple>
    <note xml:lang="en">Full state presence document</note>
    <dm:person id="fdkfj">
      <r:activities>
       <r:on-the-phone/>
       <r:busy/>
      </r:activities>
    </dm:person>
    <dm:device id="u00b40c7">
      <c:devcaps>
       <c:mobility>
        <c:supported>
         <c:mobile/>
        </c:supported>
       </c:mobility>
      </c:devcaps>
      <dm:deviceID>mac:xxx</dm:deviceID>
    </dm:device>
   </p:pidf-full>
"""
NOTIFY_2 = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<p:pidf-diff xmlns="urn:ietf:params:xml:ns:pidf"
             xmlns:p="urn:ietf:params:xml:ns:pidf-diff"
             xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"
             xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
          entity="sip:resource@example.com"
          version="2">
 <p:add sel="presence/note" pos="before"><tuple id="ert4773">
  <status>
   <basic>open</basic>
  </status>
  <contact priority="0.4">mailto:res@example.com</contact>
  <note xml:lang="en">This is a new tuple inserted
        between the last tuple and note element</note>
 </tuple>
 </p:add>
 <p:replace sel="*/tuple[@id='r1230d']/status/basic/text()"
  >open</p:replace>
 <p:remove sel="*/dm:person/r:activities/r:busy"/>
 <p:replace sel="*/tuple[@id='cg231jcr']/contact/@priority"
  >0.7</p:replace>
</p:pidf-diff>
"""
PUBLISH_1 = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<p:pidf-full xmlns="urn:ietf:params:xml:ns:pidf"
       xmlns:p="urn:ietf:params:xml:ns:pidf-diff"
       xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"
       xmlns:c="urn:ietf:params:xml:ns:pidf:caps"
       entity="pres:someone@example.com">
 <tuple id="sg89ae">
  <status>
   <basic>open</basic>
   <r:relationship>assistant</r:relationship>
  </status>
  <c:servcaps>
   <c:audio>true</c:audio>
   <c:video>false</c:video>
   <c:message>true</c:message>
  </c:servcaps>
  <contact priority="0.8">tel:09012345678</contact>
 </tuple>
 <tuple id="cg231jcr">
  <status>
   <basic>open</basic>
  </status>
  <contact priority="1.0">im:pep@example.com</contact>
 </tuple>
 <tuple id="r1230d">
  <status>
   <basic>closed</basic>
   <r:activity>meeting</r:activity>
  </status>
  <r:homepage>http://example.com/~pep/</r:homepage>
  <r:icon>http://example.com/~pep/icon.gif</r:icon>
  <r:card>http://example.com/~pep/card.vcd</r:card>
  <contact priority="0.9">sip:pep@example.com</contact>
 </tuple>
 <note xml:lang="en">Full state presence document</note>
 <r:person>
  <r:status>
   <r:activities>
    <r:on-the-phone/>
    <r:busy/>
   </r:activities>
  </r:status>
 </r:person>
 <r:device id="urn:esn:600b40c7">
  <r:status>
   <c:devcaps>
    <c:mobility>
     <c:supported>
      <c:mobile/>
     </c:supported>
    </c:mobility>
   </c:devcaps>
  </r:status>
 </r:device>
</p:pidf-full>
"""
PUBLISH_2 = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<p:pidf-diff xmlns="urn:ietf:params:xml:ns:pidf"
             xmlns:p="urn:ietf:params:xml:ns:pidf-diff"
             xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"
             entity="pres:someone@example.com">
 <p:add sel="presence/note" pos="before"><tuple id="ert4773">
  <status>
   <basic>open</basic>
  </status>
  <contact priority="0.4">mailto:pep@example.com</contact>
  <note xml:lang="en">This is a new tuple inserted
        between the last tuple and note element</note>
 </tuple>
 </p:add>
 <p:replace sel="*/tuple[@id='r1230d']/status/basic/text()"
  >open</p:replace>
 <p:remove sel="*/r:person/r:status/r:activities/r:busy"/>
 <p:replace sel="*/tuple[@id='cg231jcr']/contact/@priority"
  >0.7</p:replace>
</p:pidf-diff>
"""
P = "{urn:ietf:params:xml:ns:pidf}"


def without_space(document: bytes) -> str:
    return "".join(canonical(document).decode().split())


def test_rfc_5262_example() -> None:
    document = apply_diff(FULL_567, DIFF_568)
    full = pidf_full(document, 568)
    # The RFC prints the note of the new tuple differently in the patch and in the result.
    expected = FULL_568.replace(b"and note element", b"and person element")
    assert without_space(full) == without_space(expected)


def test_rfc_5263_example() -> None:
    document = apply_diff(NOTIFY_1, NOTIFY_2)
    root = etree.fromstring(document)
    assert root.tag == f"{P}presence"
    assert [each.get("id") for each in root.iter(f"{P}tuple")] == ["sg89ae", "cg231jcr", "r1230d", "ert4773"]
    assert [each.text for each in root.iter(f"{P}basic")] == ["open", "open", "open", "open"]
    assert [each.get("priority") for each in root.iter(f"{P}contact")] == ["0.8", "0.7", "0.9", "0.4"]
    assert b"busy" not in document
    assert b"on-the-phone" in document


def test_rfc_5264_example() -> None:
    first = apply_published_patch(None, PUBLISH_1)
    assert etree.fromstring(first).tag == f"{P}presence"
    assert "version" not in etree.fromstring(first).attrib
    second = apply_published_patch(first, PUBLISH_2)
    assert b"busy" not in second
    assert second.count(b"<tuple") == 4


def test_our_own_difference_of_the_rfc_5262_documents_is_exact() -> None:
    before, after = apply_diff(b"", FULL_567), apply_diff(b"", FULL_568)
    diff = make_diff(before, after, 568, "pres:someone@example.com")
    assert diff is not None
    assert canonical(apply_diff(before, diff)) == canonical(after)
