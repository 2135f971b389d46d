"""Patches as RFC 5261 prints them (Appendix A): by name the document, the patch and the result."""

from __future__ import annotations

# Appendix A, as printed: the document, the patch, the result.
EXAMPLES = {
    "A.1 Adding an Element": (
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <note>This is a sample document</note>
</doc>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<diff>
  <add sel="doc"><foo id="ert4773">This is a new child</foo></add>
</diff>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <note>This is a sample document</note>
<foo id="ert4773">This is a new child</foo></doc>
""",
    ),
    "A.2 Adding an Attribute": (
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <note>This is a sample document</note>
<foo id="ert4773">This is a new child</foo></doc>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<diff>
  <add sel="doc/foo[@id='ert4773']" type="@user">Bob</add>
</diff>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <note>This is a sample document</note>
<foo id="ert4773" user="Bob">This is a new child</foo></doc>
""",
    ),
    "A.3 Adding a Prefixed Namespace Declaration": (
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <note>This is a sample document</note>
<foo id="ert4773">This is a new child</foo></doc>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<diff>
  <add sel="doc" type="namespace::pref">urn:ns:xxx</add>
</diff>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc xmlns:pref="urn:ns:xxx">
  <note>This is a sample document</note>
<foo id="ert4773">This is a new child</foo></doc>
""",
    ),
    "A.4 Adding a Comment Node with the 'pos' Attribute": (
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <note>This is a sample document</note>
<foo id="ert4773">This is a new child</foo></doc>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<diff>
  <add sel="doc/foo[@id='ert4773']" pos="before"><!-- comment --></add>
</diff>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <note>This is a sample document</note>
<!-- comment --><foo id="ert4773">This is a new child</foo></doc>
""",
    ),
    "A.5 Adding Multiple Nodes": (
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <note>This is a sample document</note>
</doc>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<diff>
  <add sel="doc">
  <foo id="ert4773">This is a new child</foo></add>
</diff>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <note>This is a sample document</note>

  <foo id="ert4773">This is a new child</foo></doc>
""",
    ),
    "A.6 Replacing an Element": (
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <foo a="1">This is a sample document</foo>
</doc>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<diff>
  <replace sel="doc/foo[@a='1']"><bar a="2"/></replace>
</diff>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <bar a="2"/>
</doc>
""",
    ),
    "A.7 Replacing an Attribute Value": (
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc a="test">
  <foo a="1">This is a sample document</foo>
</doc>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<diff>
  <replace sel="doc/@a">new value</replace>
</diff>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc a="new value">
  <foo a="1">This is a sample document</foo>
</doc>
""",
    ),
    "A.8 Replacing a Namespace Declaration URI": (
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc xmlns:pref="urn:test">
  <foo a="1">This is a sample document</foo>
</doc>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<diff>
  <replace sel="doc/namespace::pref">urn:new:xxx</replace>
</diff>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc xmlns:pref="urn:new:xxx">
  <foo a="1">This is a sample document</foo>
</doc>
""",
    ),
    "A.9 Replacing a Comment Node": (
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc xmlns:pref="urn:test">
  <foo a="1">This is a sample document</foo>
  <!-- comment -->
</doc>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<diff>
  <replace sel="doc/comment()[1]"><!-- This is the new content
   --></replace>
</diff>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc xmlns:pref="urn:test">
  <foo a="1">This is a sample document</foo>
  <!-- This is the new content
   -->
</doc>
""",
    ),
    "A.10 Replacing a Processing Instruction Node": (
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <foo a="1">This is a sample document</foo>
  <?test foo="bar"?>
</doc>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<diff>
  <replace sel='doc/processing-instruction("test")'
    ><?test bar="foobar"?></replace>
</diff>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <foo a="1">This is a sample document</foo>
  <?test bar="foobar"?>
</doc>
""",
    ),
    "A.11 Replacing a Text Node": (
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <foo a="1">This is a sample document</foo>
</doc>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<diff>
 <replace sel="doc/foo/text()[1]"
   >This is the new text content</replace></diff>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <foo a="1">This is the new text content</foo>
</doc>
""",
    ),
    "A.12 Removing an Element": (
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <foo a="1">This is a sample document</foo>
</doc>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<diff>
 <remove sel="doc/foo[@a='1']" ws="after"/>
</diff>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  </doc>
""",
    ),
    "A.13 Removing an Attribute": (
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc a="foo">
  <foo a="1">This is a sample document</foo>
</doc>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<diff>
 <remove sel="doc/@a"/>
</diff>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <foo a="1">This is a sample document</foo>
</doc>
""",
    ),
    "A.14 Removing a Prefixed Namespace Declaration": (
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <foo a="1" xmlns:pref="urn:test"
   >This is a sample document</foo>
  <!-- comment -->
</doc>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<diff>
  <remove sel="doc/foo/namespace::pref"/>
</diff>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <foo a="1">This is a sample document</foo>
  <!-- comment -->
</doc>
""",
    ),
    "A.15 Removing a Comment Node": (
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <foo a="1">This is a sample document</foo>
  <!-- comment -->
</doc>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<diff>
  <remove sel="doc/comment()[1]" ws="after"/>
</diff>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <foo a="1">This is a sample document</foo>
  </doc>
""",
    ),
    "A.16 Removing a Processing Instruction Node": (
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <foo a="1">This is a sample document</foo>
  <?test?>
</doc>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<diff>
  <remove sel='doc/processing-instruction("test")'/>
</diff>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <foo a="1">This is a sample document</foo>
</doc>
""",
    ),
    "A.17 Removing a Text Node": (
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <foo a="1">This is a sample document</foo>
</doc>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<diff>
  <remove sel="doc/foo/text()[1]"/>
</diff>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc>
  <foo a="1"/>
</doc>
""",
    ),
    "A.18 Several Patches With Namespace Mangling": (
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc xmlns="urn:ietf:params:xml:ns:xxx"
     xmlns:z="urn:ietf:params:xml:ns:yyy">
  <note>This is a sample document</note>
  <elem a="foo">
    <child/>
  </elem>
  <elem a="bar">
    <z:child/>
  </elem>
</doc>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<p:diff xmlns="urn:ietf:params:xml:ns:xxx"
        xmlns:y="urn:ietf:params:xml:ns:yyy"
        xmlns:p="urn:ietf:params:xml:ns:diff">
<p:add sel="doc/elem[@a='foo']">  <!-- This is a new child -->
    <child id="ert4773">
      <y:node/>
    </child>
  </p:add>
<p:replace sel="doc/note/text()">Patched doc</p:replace>
<p:remove sel="*/elem[@a='bar']/y:child" ws="both"/>
<p:add sel="*/elem[@a='bar']" type="@b">new attr</p:add>
</p:diff>
""",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<doc xmlns="urn:ietf:params:xml:ns:xxx"
     xmlns:z="urn:ietf:params:xml:ns:yyy">
  <note>Patched doc</note>
  <elem a="foo">
    <child/>
    <!-- This is a new child -->
    <child id="ert4773">
      <z:node/>
    </child>
  </elem>
  <elem a="bar" b="new attr"/>
</doc>
""",
    ),
}
