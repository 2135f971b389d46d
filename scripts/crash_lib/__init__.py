"""The crash test: a load, a real server that is killed, and nothing of what it promised is lost.

- `evidence`: what was asked and what was answered, and what follows from that for a server that was killed
- `phone`, `possible`: a client that takes no answer for an answer, and what may be true after it got none
- `users`, `postmen`, `watchers`, `contacts`, `readers`: who makes the load, and knows what he may find then
- `load`: all of them together
- `kills`: the ways in which a round ends
- `rounds`: round after round
- `faults`, `outage`: a database that goes away, a full disk, a file that cannot be written
- `cli`: the command line of `scripts/crashtest`
"""
