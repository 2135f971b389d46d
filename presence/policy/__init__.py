"""Privacy (RFC 4745, RFC 5025, Cisco's presence rules): who may see what of a presentity.

`model` has the rules; `ruleset` and `cisco` read them, `documents` knows which reader is whose; `decide`
combines those that match into a `Decision`, whose `View` (`view`) takes away what the watcher is not to see;
`book` keeps everybody's rules in memory.
"""
