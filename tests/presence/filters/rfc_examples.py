"""Filters, documents and what is delivered, as RFC 4660 and RFC 4661 print them."""

from __future__ import annotations

# RFC 4660 §4.1 and §7: documents, filters, and what is delivered, as printed.
PRESENCE = b"""\
<?xml version="1.0" encoding="UTF-8"?>
      <presence xmlns="urn:ietf:params:xml:ns:pidf"
                        xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"
                        entity="sip:presentity@example.com">
         <tuple id="432sd">
            <status>
               <basic>closed</basic>
            </status>
            <rpid:class>IM</rpid:class>
            <contact>im:presentity@example.com</contact>
         </tuple>
         <tuple id="thr76jk">
            <status>
               <basic>open</basic>
            </status>
            <rpid:class>voice</rpid:class>
            <contact>tel:2224055555@example.com</contact>
         </tuple>
      </presence>
"""
MESSAGING = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter">
  <ns-bindings>
    <ns-binding prefix="pidf" urn="urn:ietf:params:xml:ns:pidf"/>
    <ns-binding prefix="rpid"
                       urn="urn:ietf:params:xml:ns:pidf:rpid"/>
  </ns-bindings>
  <filter id="123" uri="sip:presentity@example.com">
    <what>
      <include type="xpath">
        //pidf:tuple[rpid:class="IM" or rpid:class="SMS"
        or rpid:class="MMS"]/pidf:status/pidf:basic
    </include>
    <include type="xpath">
      //pidf:tuple[rpid:class="IM" or rpid:class="SMS"
      or rpid:class="MMS"]/rpid:class
    </include>
    <include type="xpath">
      //pidf:tuple[rpid:class="IM" or rpid:class="SMS"
      or rpid:class="MMS"]/pidf:contact
    </include>
    </what>
  </filter>
</filter-set>
"""
MESSAGING_RESULT = b"""\
<?xml version="1.0" encoding="UTF-8"?>
   <presence xmlns="urn:ietf:params:xml:ns:pidf"
   xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"
   entity="sip:presentity@example.com">
      <tuple id="432sd">
         <status>
            <basic>closed</basic>
         </status>
         <rpid:class>IM</rpid:class>
         <contact>im:presentity@example.com</contact>
      </tuple>
   </presence>
"""
OPEN = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter">
  <ns-bindings>
    <ns-binding prefix="pidf" urn="urn:ietf:params:xml:ns:pidf"/>
    <ns-binding prefix="rpid"
                       urn="urn:ietf:params:xml:ns:pidf:rpid"/>
  </ns-bindings>
  <filter id="123" uri="sip:presentity@example.com">
    <what>
      <include type="xpath">
        //pidf:tuple/pidf:status[pidf:basic="open"]/pidf:basic
      </include>
      <include type="xpath">
        //pidf:tuple[pidf:status/pidf:basic="open"]/rpid:class
      </include>
      <include type="xpath">
        //pidf:tuple[pidf:status/pidf:basic="open"]/pidf:contact
      </include>
    </what>
  </filter>
</filter-set>
"""
OPEN_RESULT = b"""\
<?xml version="1.0" encoding="UTF-8"?>
   <presence xmlns="urn:ietf:params:xml:ns:pidf"
   xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"
   entity="sip:presentity@example.com">
      <tuple id="thr76jk">
         <status>
            <basic>open</basic>
         </status>
            <rpid:class>voice</rpid:class>
            <contact>tel:2224055555@example.com</contact>
      </tuple>
   </presence>
"""
TO_OPEN = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter">
  <ns-bindings>
    <ns-binding prefix="pidf" urn="urn:ietf:params:xml:ns:pidf"/>
  </ns-bindings>
  <filter id="123" uri="sip:presentity@example.com">
    <trigger>
      <changed from="closed" to="open">
        /pidf:presence/pidf:tuple/pidf:status/pidf:basic
      </changed>
    </trigger>
  </filter>
</filter-set>
"""
BOTH_CLOSED = b"""\
<?xml version="1.0" encoding="UTF-8"?>
   <presence xmlns="urn:ietf:params:xml:ns:pidf"
   xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"
   entity="sip:presentity@example.com">
      <tuple id="432sd">
         <status>
           <basic>closed</basic>
         </status>
            <rpid:class>IM</rpid:class>
            <contact>im:presentity@example.com</contact>
      </tuple>
      <tuple id="thr76jk">
         <status>
            <basic>closed</basic>
         </status>
         <rpid:class>voice</rpid:class>
         <contact>tel:2224055555@example.com</contact>
      </tuple>
   </presence>
"""
IM_OPEN = b"""\
<?xml version="1.0" encoding="UTF-8"?>
   <presence xmlns="urn:ietf:params:xml:ns:pidf"
   xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"
   entity="sip:presentity@example.com">
      <tuple id="432sd">
         <status>
            <basic>open</basic>
         </status>
         <rpid:class>IM</rpid:class>
         <contact>im:presentity@example.com</contact>
      </tuple>
      <tuple id="thr76jk">
         <status>
            <basic>closed</basic>
         </status>
         <rpid:class>voice</rpid:class>
         <contact>tel:2224055555@example.com</contact>
      </tuple>
   </presence>
"""
WATCHERS = b"""\
<?xml version="1.0"?>
  <watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo"
version="0" state="full">
  <watcher-list resource="sip:presentity@example.com"
                package="presence">
      <watcher status="active"
         id="sr8fdsj"
         duration-subscribed="509"
         expiration="20"
         event="approved">sip:watcherA@example.com"</watcher>
      <watcher status="pending"
         id="sr8fdsj"
         duration-subscribed="501"
         expiration="100"
         event="subscribe">sip:watcherB@example.com"</watcher>
      <watcher status="terminated"
         id="sr8fdsj"
         duration-subscribed="500"
         expiration="0"
         event="rejected">sip:watcherC@example.com"</watcher>
      <watcher status="active"
         id="sr8fdsj"
         duration-subscribed="20"
         expiration="30"
         event="approved">sip:watcherD@example.com"</watcher>
  </watcher-list>
  </watcherinfo>
"""
ACTIVE = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter">
  <ns-bindings>
    <ns-binding prefix="wi"
                       urn="urn:ietf:params:xml:ns:watcherinfo"/>
  </ns-bindings>
  <filter id="123" uri="sip:presentity@example.com">
    <what>
      <include>
        /wi:watcherinfo/wi:watcher-list[@package="presence"]/
        wi:watcher[@status="active"]
      </include>
</what>
</filter>
</filter-set>
"""
ACTIVE_RESULT = b"""\
<?xml version="1.0"?>
  <watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo"
version="0" state="full">
  <watcher-list resource="sip:presentity@example.com"
                package="presence">
      <watcher status="active"
         id="sr8fdsj"
         duration-subscribed="509"
         expiration="20"
         event="approved">sip:watcherA@example.com"</watcher>
      <watcher status="active"
         id="sr8fdsj"
         duration-subscribed="20"
         expiration="30"
         event="approved">sip:watcherD@example.com"</watcher>
  </watcher-list>
  </watcherinfo>
"""
LONGER = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter">
  <ns-bindings>
    <ns-binding prefix="wi"
                       urn="urn:ietf:params:xml:ns:watcherinfo"/>
  </ns-bindings>
  <filter id="123" uri="sip:presentity@example.com">
    <what>
      <include>
        /wi:watcherinfo/wi:watcher-list[@package="presence"]/
        wi:watcher[@duration-subscribed>500]
      </include>
    </what>
  </filter>
</filter-set>
"""
LONGER_RESULT = b"""\
<?xml version="1.0"?>
  <watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo"
version="0" state="full">
  <watcher-list resource="sip:presentity@example.com"
                package="presence">
      <watcher status="active"
         id="sr8fdsj"
         duration-subscribed="509"
         expiration="20"
         event="approved">sip:watcherA@example.com"</watcher>
      <watcher status="pending"
         id="sr8fdsj"
         duration-subscribed="501"
         expiration="100"
         event="subscribe">sip:watcherB@example.com"</watcher>
  </watcher-list>
  </watcherinfo>
"""
REJECTED = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<filter-set xmlns="urn:ietf:params:xml:ns:simple-winfo-filter">
  <ns-bindings>
    <ns-binding prefix="wi"
                       urn="urn:ietf:params:xml:ns:watcherinfo"/>
  </ns-bindings>
  <filter id="123" uri="sip:presentity@example.com">
    <what>
      <include>
        /wi:watcherinfo/wi:watcher-list[@package="presence"]/
        wi:watcher[@status="terminated" and @event="rejected"]
      </include>
    </what>
    <trigger>
      <changed from="pending"
                                          to="terminated">
        //@status
      </changed>
    </trigger>
  </filter>
</filter-set>
"""
TWO_REJECTED = b"""\
<?xml version="1.0"?>
    <watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo"
  version="0" state="full">
    <watcher-list resource="sip:presentity@example.com"
                  package="presence">
        <watcher status="active"
           id="sr8fdsj"
           duration-subscribed="509"
           expiration="20"
           event="approved">sip:watcherA@example.com"</watcher>
        <watcher status="terminated"
           id="sr8fdsj"
           duration-subscribed="501"
           expiration="100"
           event="rejected">sip:watcherB@example.com"</watcher>
        <watcher status="terminated"
           id="sr8fdsj"
           duration-subscribed="500"
           expiration="0"
           event="rejected">sip:watcherC@example.com"</watcher>
        <watcher status="active"
           id="sr8fdsj"
           duration-subscribed="20"
           expiration="30"
           event="approved">sip:watcherD@example.com"</watcher>
   </watcher-list>
    </watcherinfo>
"""
REJECTED_RESULT = b"""\
<?xml version="1.0"?>
  <watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo"
version="0" state="full">
  <watcher-list resource="sip:presentity@example.com"
                package="presence">
      <watcher status="terminated"
         id="sr8fdsj"
         duration-subscribed="501"
         expiration="100"
         event="rejected">sip:watcherB@example.com"</watcher>
      <watcher status="terminated"
         id="sr8fdsj"
         duration-subscribed="500"
         expiration="0"
         event="rejected">sip:watcherC@example.com"</watcher>
  </watcher-list>
  </watcherinfo>
"""
LIST_FILTERS = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter">
  <ns-bindings>
    <ns-binding prefix="pidf" urn="urn:ietf:params:xml:ns:pidf"/>
  </ns-bindings>
  <filter id="999" uri="sip:sarah@example.com">
    <what>
      <include type="namespace">
        urn:ietf:params:xml:ns:pidf</include>
      <exclude>
        //pidf:tuple/pidf:note</exclude>
    </what>
  </filter>
  <filter id="8439" uri="sip:alice@biloxi.com">
    <what>
      <include>
        //pidf:tuple/pidf:status/pidf:basic</include>
    </what>
  </filter>
</filter-set>
"""

# RFC 4661 §6, as printed.
CLASSES = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter">
  <ns-bindings>
    <ns-binding prefix="pidf" urn="urn:ietf:params:xml:ns:pidf"/>
    <ns-binding prefix="rpid"
                       urn="urn:ietf:params:xml:ns:pidf:rpid"/>
  </ns-bindings>
  <filter id="123" uri="sip:presentity@example.com">
    <what>
      <include type="xpath">
        /pidf:presence/pidf:tuple[rpid:class="IM" or rpid:class="SMS"
        or rpid:class="MMS"]/pidf:status/pidf:basic
      </include>
    </what>
  </filter>
</filter-set>
"""
CLOSED_TO_OPEN = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter">
  <ns-bindings>
    <ns-binding prefix="pidf" urn="urn:ietf:params:xml:ns:pidf"/>
  </ns-bindings>
  <filter id="123" uri="sip:presentity@example.com">
    <trigger>
      <changed from="CLOSED" to="OPEN">
        /pidf:presence/pidf:tuple/pidf:status/pidf:basic
      </changed>
</trigger>
</filter>
</filter-set>
"""
PENDING_WATCHERS = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter">
  <ns-bindings>
    <ns-binding prefix="wi"
                       urn="urn:ietf:params:xml:ns:watcherinfo"/>
  </ns-bindings>
  <filter id="123" uri="sip:presentity@example.com">
    <what>
      <include>
        /wi:watcherinfo/wi:watcher-list/wi:watcher[@status="pending"
        or @status="waiting"]
      </include>
    </what>
    <trigger>
      <changed to="pending">
        /wi:watcherinfo/wi:watcher-list/wi:watcher/@status
      </changed>
    </trigger>
    <trigger>
      <changed to="waiting">
        /wi:watcherinfo/wi:watcher-list/wi:watcher/@status
      </changed>
    </trigger>
  </filter>
</filter-set>
"""
NAMESPACE = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter">
  <filter id="123" uri="sip:buddylist@example.com">
    <what>
      <include type="namespace">
        urn:ietf:params:xml:ns:pidf
      </include>
    </what>
  </filter>
</filter-set>
"""
GAME = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter" >
  <ns-bindings>
    <ns-binding prefix="game-ext"
                       urn="urn:ietf:params:xml:ns:game-ext"/>
  </ns-bindings>
  <filter id="123">
    <what>
      <include>
        /pidf:presence/pidf:tuple/
        pidf:status[game-ext:label="game-X"]
      </include>
    </what>
  </filter>
</filter-set>
"""
BUDDIES = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter">
  <ns-bindings>
    <ns-binding prefix="pidf" urn="urn:ietf:params:xml:ns:pidf"/>
    <ns-binding prefix="rpid"
                       urn="urn:ietf:params:xml:ns:pidf:rpid"/>
  </ns-bindings>
  <filter id="8439" uri="sip:buddies@example.com">
    <what>
      <include>
        /pidf:presence/pidf:tuple[rpid:class="service"]/pidf:status/
        pidf:basic
      </include>
    </what>
    </filter>
  <filter id="999" uri="sip:bob@example.com">
    <what>
      <include type="namespace">
        urn:ietf:params:xml:ns:pidf
      </include>
      <exclude>
        /pidf:presence/pidf:tuple/pidf:note
      </exclude>
    </what>
  </filter>
</filter-set>
"""
